"""Plain http at a desk that has https: nothing that a machine sends is turned into a request without it."""

from urllib.parse import urlsplit

import pytest
from django.test import Client

from oncall.models import Alert
from tests.factories import T0
from tests.oncall.makers import alert, body, make_source

BASE = "https://desk.example.org"


@pytest.fixture
def browser(settings: object) -> Client:
    settings.SECURE_SSL_REDIRECT = True  # type: ignore[attr-defined]
    settings.BASE_URL = BASE  # type: ignore[attr-defined]
    settings.ALLOWED_HOSTS = ["desk.example.org", "10.0.0.5"]  # type: ignore[attr-defined]
    return Client(headers={"Host": "desk.example.org"})


@pytest.mark.parametrize(
    "path", ["/hooks/alertmanager", "/hooks/alertmanager/", "/api/v1/incidents/x/entries?a=1", "/declare/"]
)
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_what_sends_data_over_http_is_told_to_send_it_again_over_https(
    browser: Client, path: str, method: str
) -> None:
    answer = getattr(browser, method)(path, b"{}", content_type="application/json")

    assert answer.status_code == 308
    assert answer["Location"] == BASE + path
    assert f"Send it to {BASE}{urlsplit(path).path}." in answer.json()["detail"]


@pytest.mark.django_db
def test_an_alert_over_http_is_stored_once_it_is_sent_where_the_answer_says(browser: Client) -> None:
    told = {"data": body(alert(since=T0)), "content_type": "application/json",
            "headers": {"Authorization": f"Bearer {make_source(T0)}"}}  # fmt: skip

    first = browser.post("/hooks/alertmanager", **told)
    none = Alert.objects.count()
    second = browser.post(urlsplit(first["Location"]).path, secure=True, **told)

    assert (first.status_code, none, second.status_code, Alert.objects.count()) == (308, 0, 202, 1)


def test_a_sender_that_knows_another_name_or_port_is_led_to_the_address_of_the_desk(browser: Client) -> None:
    answer = browser.post(
        "/hooks/alertmanager", b"{}", content_type="application/json", headers={"Host": "10.0.0.5:8000"}
    )

    assert answer["Location"] == f"{BASE}/hooks/alertmanager"


def test_a_page_over_http_is_led_to_https_and_probes_are_answered(browser: Client) -> None:
    page, head = browser.get("/incidents/?q=a"), browser.head("/")

    assert (page.status_code, page["Location"]) == (301, f"{BASE}/incidents/?q=a")
    assert head.status_code == 301
    assert browser.get("/healthz").status_code == 200


@pytest.mark.django_db
def test_over_https_nothing_is_redirected(browser: Client) -> None:
    assert (
        browser.post("/hooks/alertmanager", b"{}", content_type="application/json", secure=True).status_code
        == 401
    )

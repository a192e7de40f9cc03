"""What a person sees when something is refused, missing or broken: a sentence and a reference, never what broke."""

import re
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path

from incidentdesk.kernel.errors import Block, Invalid, Missing, NotAllowed, Refused, Stale, Unavailable
from people.access import open_to_all

SECRET = "postgres://desk_app:hunter2@db"
RAISED: dict[str, Exception] = {
    "missing": Missing(),
    "stale": Stale("Sarah resolved it at 03:30 UTC. Look at it as it stands now."),
    "denied": NotAllowed("That is for the Incident Commander."),
    "invalid": Invalid(fields={"text": "Write something here."}),
    "refused": Refused([Block("GATE-08", "The window is open until 03:30.")]),
    "unavailable": Unavailable("The desk cannot do this just now."),
    "suspicious": SuspiciousOperation(SECRET),
    "forbidden": PermissionDenied(SECRET),
    "bug": RuntimeError(SECRET),
}


@open_to_all("a test's own view")
def breaks(request: HttpRequest, how: str) -> HttpResponse:
    if how == "reads":
        return HttpResponse(str(len(request.POST)))
    raise RAISED[how]


urlpatterns = [path("breaks/<str:how>/", breaks), path("", include("incidentdesk.urls"))]
handler400 = "desk.errors.bad_request"
handler403 = "desk.errors.denied"
handler404 = "desk.errors.missing"
handler500 = "desk.errors.server_error"

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture
def browser() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ("missing", 404),
        ("stale", 409),
        ("denied", 403),
        ("invalid", 422),
        ("refused", 422),
        ("unavailable", 503),
    ],
)
def test_a_refusal_that_a_view_let_through_is_a_page_with_its_sentence(
    browser: Client, how: str, status: int
) -> None:
    answer = browser.get(f"/breaks/{how}/")
    error: Any = RAISED[how]

    assert answer.status_code == status
    assert error.sentence in answer.content.decode()
    assert b"Reference" not in answer.content


def test_a_pages_script_gets_the_refusal_for_its_form(browser: Client) -> None:
    answer = browser.post("/breaks/refused/", headers={"HX-Request": "true"})

    assert answer.status_code == 422
    assert b'data-answer="refused"' in answer.content
    assert b"GATE-08" in answer.content
    assert b"<html" not in answer.content


@pytest.mark.parametrize(("how", "status"), [("suspicious", 400), ("forbidden", 403), ("bug", 500)])
def test_a_fault_shows_a_reference_that_stands_in_the_log_and_nothing_of_itself(
    browser: Client, caplog: pytest.LogCaptureFixture, how: str, status: int
) -> None:
    answer = browser.get(f"/breaks/{how}/")
    page = answer.content.decode()
    reference = re.search(r"Reference <code>([0-9a-f]{8})</code>", page)

    assert answer.status_code == status
    assert reference
    assert reference[1] in caplog.text
    for told in ("hunter2", "Traceback", "RuntimeError", "desk_app", "/work", "Django"):
        assert told not in page


def test_what_is_not_there_has_a_page_of_the_desk(browser: Client) -> None:
    answer = browser.get("/breaks/")

    assert answer.status_code in (302, 404)
    assert b"Django" not in answer.content


def test_what_browsers_and_crawlers_ask_for_by_name_is_answered(browser: Client) -> None:
    assert b"Disallow: /" in browser.get("/robots.txt").content
    assert browser.get("/favicon.ico").headers["Location"].endswith("img/favicon.svg")


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1024)
def test_too_much_is_413_with_the_limit(browser: Client) -> None:
    answer = browser.post("/breaks/reads/", {"text": "x" * 5_000})

    assert answer.status_code == 413
    assert "At most 1 KiB fit" in answer.content.decode()


def test_a_form_from_before_the_sign_in_is_told_to_be_reloaded() -> None:
    answer = Client(enforce_csrf_checks=True).post("/breaks/reads/", {"text": "hello"})

    assert answer.status_code == 403
    assert "Nothing was changed" in answer.content.decode()
    assert b"Reference" in answer.content


@pytest.mark.parametrize("how", ["missing", "stale", "denied", "unavailable", "suspicious", "bug"])
def test_error_pages_need_nothing_but_our_own_styles(browser: Client, how: str) -> None:
    page = browser.get(f"/breaks/{how}/").content.decode()

    assert "<h1" in page
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?!/)', page)

"""What somebody without a sign-in or a token can make grow: the throttle's fixed rows, and nothing else (S11, S20)."""

import io
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client

from desk import bad_tokens
from people import throttle
from tests.desk.test_every_page import addresses
from tests.factories import T0, commander, make_incident

pytestmark = pytest.mark.django_db

# Their rows are counted by tests of their own: they have an upper bound that no sender can move.
BOUNDED = {"people_throttle", "people_auditentry", "people_audittally"}
KINDS = (
    {},
    {"login": "stranger@example.org", "password": "guess guess guess", "next": "/"},
    {"person": "7", "q": "x" * 500, "text": "hello", "request_id": "r-1"},
)


def rows() -> dict[str, int]:
    """How many rows each table has."""
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor)) - BOUNDED
        found = {}
        for table in sorted(tables):
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            found[table] = cursor.fetchone()[0]
    return found


def strange(number: int) -> Client:
    """A browser that keeps whatever cookies it is given, and sends some that nobody gave it."""
    browser = Client(REMOTE_ADDR=f"192.0.2.{number % 250}", raise_request_exception=False)
    if number % 2:
        browser.cookies["desk-session-8000"] = f"made{number}up" + "a" * 24
        browser.cookies["desk-csrf-8000"] = "b" * 32
        browser.cookies["desk-device-8000"] = "made:up"
        browser.cookies["desk-ack-8000"] = "made:up"
    return browser


class Body(io.BytesIO):
    """A form that counts what is taken of it."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes."""
        part = super().read(size)
        self.taken += len(part)
        return part


def sent(browser: Client, address: str, size: int, **headers: str) -> tuple[int, int]:
    """The status of a form of this many bytes, and how many of them were read."""
    body = Body(b"text=".ljust(size, b"x"))
    kind = "application/x-www-form-urlencoded"
    payload: Any = {"wsgi.input": body, "CONTENT_LENGTH": str(size)}
    answer = browser.post(address, content_type=kind, headers=headers, **payload)
    return answer.status_code, body.taken


def test_no_byte_of_a_long_form_is_read_of_who_has_not_signed_in() -> None:
    """Authenticate first, read second, parse third: at every address, open or not, for pages, hooks and the API."""
    incident = make_incident(by=commander("Sarah"), declared_at=T0)
    reads = {}
    for number, address in enumerate(addresses(incident)):
        browser = strange(number)
        browser.handler.enforce_csrf_checks = True
        for headers in ({}, {"HX-Request": "true"}, {"Authorization": "Bearer idesk_000000_" + "x" * 43}):
            status, taken = sent(browser, address, 200_000, **headers)
            assert status >= 300, address
            if taken:
                reads[address] = taken

    assert reads == {}


def test_an_address_that_needs_a_session_reads_nothing_of_a_short_form_either() -> None:
    incident = make_incident(by=commander("Sarah"), declared_at=T0)
    browser = Client(enforce_csrf_checks=True)

    assert sent(browser, f"/incidents/{incident.key}/entries/", 400) == (302, 0)
    assert sent(browser, f"/incidents/{incident.key}/entries/", 400, **{"HX-Request": "true"}) == (401, 0)


@pytest.mark.parametrize("address", ["/sign-in/", "/sign-out/", "/sign-in/demo/", "/password/", "/ack/"])
def test_an_open_page_says_how_much_it_reads(address: str) -> None:
    browser = Client()

    assert sent(browser, address, 16 * 1024)[0] != 413
    answer = browser.post(
        address, {"login": "x" * 16 * 1024}, content_type="text/plain", CONTENT_LENGTH="16385"
    )
    assert answer.status_code == 413
    assert "At most 16 KiB fit into one form." in answer.content.decode()


def test_no_table_grows_by_what_strangers_ask_and_send() -> None:
    incident = make_incident(by=commander("Sarah"), declared_at=T0)
    before = rows()
    bearer: Any = {"Authorization": "Bearer idesk_000000_" + "x" * 43}

    asked = 0
    for number, address in enumerate(addresses(incident)):
        browser = strange(number)
        for headers in ({}, {"HX-Request": "true"}, bearer):
            browser.get(address, headers=headers)
            for data in KINDS:
                browser.post(address, data, headers=headers)
            browser.post(address, "{}", content_type="application/json", headers=headers)
            asked += 5
    for path in ("/api/v1/incidents", "/api/v1/declarations", "/hooks/alertmanager/", "/ops/pulse"):
        for _ in range(40):
            Client(raise_request_exception=False).post(
                path, "{", content_type="application/json", headers=bearer
            )

    assert asked > 300
    assert {table: count for table, count in rows().items() if count != before[table]} == {}


def test_bad_tokens_from_everywhere_share_a_fixed_number_of_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    caches["redis"].clear()
    monkeypatch.setattr(throttle, "SLOTS", 8)
    names = []
    monkeypatch.setattr(
        type(caches["redis"]), "incr", lambda self, key, *rest, **more: names.append(key) or 1, raising=True
    )

    for n in range(200):
        request: Any = Client().get("/healthz", REMOTE_ADDR=f"10.{n}.3.7").wsgi_request
        assert not bad_tokens.too_many(request, now=T0)

    assert len(names) == 200
    assert len(set(names)) <= 8

"""The lines that administrators see on the Desk, and the page behind them."""

from typing import Any

import pytest
from django.test import Client

from desk.board import attention
from incidentdesk.kernel import clock
from oncall import quarantine
from oncall.models import Quarantine
from people.models import User
from tests.desk.doors import signed_in
from tests.factories import minutes
from tests.people.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db


def administrator() -> User:
    return make_user("Root", roles=("admin",), password=PASSWORD)


def inside(user: User) -> Client:
    """A browser that has given the password again."""
    browser = signed_in(user)
    browser.post("/account/confirm/", {"password": PASSWORD, "next": "/administration/"})
    return browser


def test_an_administrator_sees_on_the_desk_that_something_could_not_be_read() -> None:
    quarantine.keep("alertmanager.1", [("The body is not JSON", "character 3")], b"{{{", now=clock.now())

    hers = signed_in(administrator()).get("/").content.decode()
    his = signed_in(make_user("Priya", roles=("engineer",))).get("/").content.decode()

    assert "1 alert delivery could not be read in the last 7 days." in hers
    assert 'href="/administration/oncall/quarantine/"' in hers
    assert "could not be read" not in his


def test_a_desk_where_nothing_is_wrong_has_no_line(settings: Any) -> None:
    settings.DEADMAN_URL, settings.EMAIL_HOST = "https://monitor.example/ping", "mail.example"
    long_ago = clock.now() - minutes(7 * 24 * 60 + 1)
    quarantine.keep("alertmanager.1", [("The body is not JSON", "character 3")], b"{{{", now=long_ago)

    assert attention.lines(administrator(), now=clock.now()) == ()
    assert dict(attention.counts(now=clock.now()))["quarantine"] == 0


def test_the_page_behind_the_line_shows_reason_position_and_body_and_changes_nothing() -> None:
    body = b'{"alerts": [{"note": "a\x00b\xff<script>"}]}'
    quarantine.keep(
        "alertmanager.1", [("The status is not known", "alerts[0].status")], body, now=clock.now()
    )
    row = Quarantine.objects.get()
    browser = inside(administrator())

    listed = browser.get("/administration/oncall/quarantine/").content.decode()
    shown = browser.get(f"/administration/oncall/quarantine/{row.pk}/change/").content.decode()

    assert "The status is not known" in listed
    assert "alerts[0].status" in shown
    assert "a\N{SYMBOL FOR NULL}b\N{REPLACEMENT CHARACTER}&lt;script&gt;" in shown
    assert browser.post(f"/administration/oncall/quarantine/{row.pk}/delete/").status_code == 403

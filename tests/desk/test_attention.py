"""The lines that administrators see on the Desk, and the page behind them."""

import json
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from desk.board import attention
from incidentdesk.kernel import clock
from oncall import quarantine, senders
from oncall.models import Quarantine
from oncall.quarantine import Fault
from people.models import User
from tests.desk.doors import asks, signed_in, token
from tests.factories import minutes
from tests.oncall.makers import make_source
from tests.people.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db


def administrator() -> User:
    return make_user("Root", roles=("admin",), password=PASSWORD)


def keep(fault: Fault, *, now: datetime) -> None:
    """Set one piece aside for a source."""
    sender = senders.find(make_source(clock.now()))
    assert sender is not None
    quarantine.keep(sender, [fault], now=now)


def inside(user: User) -> Client:
    """A browser that has given the password again."""
    browser = signed_in(user)
    browser.post("/account/confirm/", {"password": PASSWORD, "next": "/administration/"})
    return browser


def test_an_administrator_sees_on_the_desk_that_something_could_not_be_read() -> None:
    keep(Fault("The body is not JSON", "character 3", b"{{{"), now=clock.now())

    hers = signed_in(administrator()).get("/").content.decode()
    his = signed_in(make_user("Priya", roles=("engineer",))).get("/").content.decode()

    assert "1 alert delivery could not be read in the last 7 days." in hers
    assert 'href="/administration/oncall/quarantine/"' in hers
    assert "could not be read" not in his


def test_active_incidents_stand_before_the_lines_for_administrators() -> None:
    keep(Fault("The body is not JSON", "character 3", b"{{{"), now=clock.now())

    desk = signed_in(administrator()).get("/").content.decode()

    assert 0 < desk.index('id="r-active"') < desk.index('id="attention-quarantine"')


def test_a_time_in_the_administration_has_its_seconds_and_its_zone() -> None:
    keep(Fault("The body is not JSON", "character 3", b"{{{"), now=clock.now())

    listed = inside(administrator()).get("/administration/oncall/quarantine/").content.decode()

    assert f"{Quarantine.objects.get().received_at:%Y-%m-%d %H:%M:%S} UTC" in listed


def test_a_desk_where_nothing_is_wrong_has_no_line(settings: Any) -> None:
    settings.DEADMAN_URL, settings.EMAIL_HOST = "https://monitor.example/ping", "mail.example"
    long_ago = clock.now() - minutes(7 * 24 * 60 + 1)
    keep(Fault("The body is not JSON", "character 3", b"{{{"), now=long_ago)

    assert attention.lines(administrator(), now=clock.now()) == ()
    assert dict(attention.counts(now=clock.now()))["quarantine"] == 0


def test_the_page_behind_the_line_shows_reason_position_and_body_and_changes_nothing() -> None:
    body = b'{"alerts": [{"note": "a\x00b\xff<script>"}]}'
    keep(Fault("The status is not known", "alerts[0].status", body), now=clock.now())
    row = Quarantine.objects.get()
    browser = inside(administrator())

    listed = browser.get("/administration/oncall/quarantine/").content.decode()
    shown = browser.get(f"/administration/oncall/quarantine/{row.pk}/change/").content.decode()

    assert "The status is not known" in listed
    assert "alerts[0].status" in shown
    assert "a\N{SYMBOL FOR NULL}b\N{REPLACEMENT CHARACTER}&lt;script&gt;" in shown
    assert browser.post(f"/administration/oncall/quarantine/{row.pk}/delete/").status_code == 403


def test_an_administrator_s_token_reads_the_quarantine_and_no_other_token_knows_of_it() -> None:
    for n in range(3):
        keep(Fault("The status is not known", f"alerts[{n}].status", b'{"a": "\xff"}'), now=clock.now())
    text = token(administrator(), "incidents:read", "admin")

    first = asks(text, "/quarantine", limit=2)
    told = json.loads(first.content)
    rest = json.loads(asks(text, "/quarantine", limit=2, before=told["next"]).content)

    assert [each["position"] for each in told["entries"]] == ["alerts[2].status", "alerts[1].status"]
    assert told["entries"][0]["body"] == '{"a": "\ufffd"}'
    assert [each["position"] for each in rest["entries"]] == ["alerts[0].status"]
    assert rest["next"] is None
    others = (token(administrator(), "incidents:read"), token(make_user("Priya", roles=("engineer",))))
    assert {asks(each, "/quarantine").status_code for each in others} == {404}

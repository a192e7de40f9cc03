"""The update page: filled from the record, previewed to the letter, and kept when it is refused."""

import html as markup
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from comms.models import UpdateText
from incidentdesk.kernel import clock
from incidents.models import Incident
from people.models import User
from tests.desk.doors import signed_in
from tests.factories import do, make_client, make_incident, make_service, minutes, new_id
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db
ALL = ["responders", "executives", "clients", "public"]
FIELDS = {
    "status": "investigating",
    "impact": "Card payments fail",
    "known": "the disk is full",
    "doing": "failing over",
}


@pytest.fixture
def led() -> tuple[Incident, User, Client]:
    """A SEV-1 of five minutes with its commander, and that person's browser."""
    ic = make_user("Sarah Okafor", roles=["ic", "engineer"])
    service = make_service("Checkout")
    service.clients.add(make_client("Kestrel Bank"))
    incident = make_incident(
        by=ic, service=service, declared_at=clock.now() - minutes(2), clients=["kestrel-bank"]
    )
    do(incident, "seats", ic, clock.now() - minutes(2), role="ic")
    return incident, ic, signed_in(ic)


def opened(browser: Client, incident: Incident) -> str:
    response = browser.get(f"/incidents/{incident.key}/updates/new/")
    assert response.status_code == 200
    return str(response.content.decode())


def previewed(browser: Client, incident: Incident, **fields: Any) -> dict[str, str]:
    """The previewed text of each audience, mark-up taken out."""
    response = browser.post(
        f"/incidents/{incident.key}/updates/preview/", {**FIELDS, "audiences": ALL, **fields}
    )
    assert response.status_code == 200
    parts = re.split(r'<div class="sheet sheet--(\w+)"', response.content.decode())
    return {name: _plain(text) for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def _plain(text: str) -> str:
    return " ".join(markup.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def sent(browser: Client, incident: Incident, **fields: Any) -> Any:
    posted = {**FIELDS, "kind": "full", "audiences": ALL, "request_id": new_id(), **fields}
    return browser.post(f"/incidents/{incident.key}/updates/", posted)


def test_it_is_filled_from_the_record_where_it_can_be(led: Any) -> None:
    incident, ic, browser = led
    do(incident, "impact", ic, clock.now(), fails="Checkout times out")
    do(
        incident,
        "entries",
        ic,
        clock.now(),
        kind="finding",
        text="disk at 100 %",
        source="dashboard",
        value="100 %",
    )
    do(incident, "entries", ic, clock.now(), kind="theory", text="a log ran wild")

    page = opened(browser, incident)

    assert ">Checkout times out</textarea>" in page
    assert ">disk at 100 %</textarea>" in page
    assert "a log ran wild" not in page
    assert re.search(r'name="status" value="investigating" checked', page)
    assert 'value="resolved"' not in page


@pytest.mark.ledger("TPL-09", "TPL-11", "TPL-12")
def test_the_preview_is_what_each_audience_is_sent(led: Any) -> None:
    incident, _, browser = led
    fields = {"business": "38,400 an hour", "shareable": "We know the cause"}

    shown = previewed(browser, incident, **fields)
    assert sent(browser, incident, **fields).status_code == 303

    assert set(shown) == set(ALL)
    for text in UpdateText.objects.filter(update__incident=incident):
        for paragraph in text.body.split("\n\n"):
            first = paragraph.strip().splitlines()[0].rstrip(":")
            if not first.startswith(("Time", "Next update")):  # a minute may turn between the two
                assert " ".join(first.split()) in shown[text.audience]
    assert "the disk is full" in shown["responders"]
    assert "38,400 an hour" in shown["executives"]
    assert "We know the cause" in shown["clients"]
    for outside in ("clients", "public"):
        assert "the disk is full" not in shown[outside]
        assert "38,400" not in shown[outside]


@pytest.mark.ledger("COM-05")
def test_every_text_names_the_next_time_also_where_the_writer_named_none(led: Any) -> None:
    incident, _, browser = led

    shown = previewed(browser, incident, next_at="")

    for name in ALL:
        assert re.search(r"Next update: by (\d{4}-\d\d-\d\d )?\d\d:\d\d UTC", shown[name]), shown[name]


def test_a_time_beyond_the_cadence_or_past_is_told_before_it_is_sent(led: Any) -> None:
    incident, ic, browser = led
    late = (clock.now() + minutes(40)).astimezone(ic.tz)
    past = (clock.now() - minutes(40)).astimezone(ic.tz)

    assert "at the latest" in previewed(browser, incident, next_at=f"{late:%Y-%m-%dT%H:%M}")["public"]
    assert "is past" in previewed(browser, incident, next_at=f"{past:%Y-%m-%dT%H:%M}")["public"]
    assert "no time that can be read" in previewed(browser, incident, next_at="soon")["public"]


@pytest.mark.ledger("COM-03")
def test_no_change_is_offered_once_there_is_an_update_and_goes_out_whole(led: Any) -> None:
    incident, _, browser = led
    before = opened(browser, incident)
    sent(browser, incident)

    after = opened(browser, incident)
    again = sent(browser, incident, kind="no-change", impact="", known="", doing="")

    assert 'value="no-change"' not in before
    assert 'data-key="n"' in after
    assert 'value="no-change"' in after
    assert again.status_code == 303
    texts = UpdateText.objects.filter(update__incident=incident, update__number=2)
    assert {text.audience for text in texts} == set(ALL)
    assert all("Card payments fail" in text.body and "no change since" in text.body for text in texts)


def test_who_may_not_write_to_an_audience_is_told_who_does(led: Any) -> None:
    incident, ic, _ = led
    jordan = make_user("Jordan", roles=["comms"])
    do(incident, "seats", ic, clock.now(), role="comms", person=str(jordan.uid))

    his = opened(signed_in(jordan), incident)
    hers = opened(signed_in(ic), incident)

    for name in ALL:
        assert re.search(rf'name="audiences" value="{name}"', his)
    assert not re.search(
        r'name="audiences" value="public"', opened(signed_in(make_user("Wu", roles=["engineer"])), incident)
    )
    assert "Nothing was changed" in opened(signed_in(make_user("Xi", roles=["engineer"])), incident)
    assert re.search(r'name="audiences" value="responders"', hers)


@pytest.mark.ledger("RBAC-21")
def test_the_draft_repeats_what_executives_were_told_only_to_who_may_read_it(led: Any) -> None:
    incident, _, browser = led
    sent(browser, incident, business="4 M an hour", decisions="Refund the 4 M?")

    hers = opened(browser, incident)
    theirs = opened(signed_in(make_user("Eve", roles=["engineer"])), incident)

    assert "4 M an hour" in hers and "Refund the 4 M?" in hers
    assert "4 M" not in theirs
    assert "Card payments fail" in theirs


def test_a_refused_update_comes_back_with_every_word(led: Any) -> None:
    incident, _, browser = led

    answer = sent(
        browser, incident, audiences=["clients"], impact="", known="my words", text_clients="my own text"
    )

    page = answer.content.decode()
    assert answer.status_code == 422
    assert ">my words</textarea>" in page
    assert ">my own text</textarea>" in page
    assert re.search(r'value="clients" checked', page)
    assert not re.search(r'value="public" checked', page)
    assert "even if the cause is not known" in page


def test_words_typed_into_a_text_are_shown_as_text(led: Any) -> None:
    incident, _, browser = led

    response = browser.post(
        f"/incidents/{incident.key}/updates/preview/", {**FIELDS, "impact": "<img src=x onerror=1>"}
    )

    assert b"<img" not in response.content
    assert b"&lt;img" in response.content


def test_the_number_of_statements_does_not_grow_with_the_record(led: Any) -> None:
    incident, ic, browser = led
    opened(browser, incident)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            opened(browser, incident)
        return len(queries)

    one = cost()
    for number in range(4):
        do(
            incident,
            "entries",
            ic,
            clock.now(),
            kind="finding",
            text=f"fact {number}",
            source="log",
            value="1",
        )

    assert cost() == one
    assert one <= 45


def test_the_page_and_its_preview_do_not_exist_outside_the_room(led: Any) -> None:
    incident, _, _ = led
    browser = signed_in(make_user("Marcus", roles=["executive"]))

    assert browser.get(f"/incidents/{incident.key}/updates/new/").status_code == 404
    assert browser.post(f"/incidents/{incident.key}/updates/preview/", FIELDS).status_code == 404


@pytest.mark.parametrize(
    ("severity", "minute", "words"),
    [
        (1, 60.0, "Left empty: 15 min after sending"),
        (1, 4.0, "Left empty: 1 min after sending"),
        (3, 60.0, "Left empty: 2 h 0 min of working time after sending"),
        (3, 30.0, "Left empty: 60 min of working time after sending"),
        (4, 60.0, "SEV-4 binds to no time"),
    ],
)
def test_the_page_says_the_latest_next_time_by_the_incidents_own_minute(
    settings: Any, severity: int, minute: float, words: str
) -> None:
    settings.MINUTE_SECONDS = minute
    ic = make_user("Sarah Okafor", roles=["ic", "engineer"])
    incident = make_incident(by=ic, severity=severity, declared_at=clock.now() - minutes(2))

    page = opened(signed_in(ic), incident)

    assert words in markup.unescape(page)

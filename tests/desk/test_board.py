"""The desk's first page: what is open, what waits for whom, and the poll that brings it again."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from desk.board.load import board
from desk.board.view import view
from desk.room.shapes import DeskView
from incidentdesk.kernel import clock
from incidents.models import Incident
from people.models import User
from tests import door
from tests.desk.doors import signed_in
from tests.desk.random_nights import ITEMS
from tests.factories import T0, commander, do, make_incident, make_paged, make_service, minutes
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db
CHANGE = {
    "what": "Turn off fail-back",
    "target": "db",
    "why": "it flaps",
    "effect": "calm",
    "risk": "lag",
    "undo": "on",
}


def led(by: User, *, ago: float = 5, **fields: Any) -> Incident:
    """A declared incident with its commander, `ago` minutes old."""
    incident = make_incident(by=by, declared_at=clock.now() - minutes(ago), **fields)
    do(incident, "seats", by, clock.now() - minutes(ago), role="ic")
    return incident


def shown(user: User) -> DeskView:
    return view(board(user))


@pytest.mark.ledger("INC-41")
def test_a_row_says_who_leads_what_is_being_done_and_when_the_next_update_is_due() -> None:
    sarah = commander("Sarah Okafor")
    incident = led(sarah)

    page = signed_in(make_user("Priya", roles=["engineer"])).get("/").content.decode()

    assert f'href="/incidents/{incident.key}/"' in page
    assert "Sarah Okafor" in page
    assert "Investigating" in page
    due = incident.next_update_at
    assert due is not None
    assert f'data-until="{due:%Y-%m-%dT%H:%M:%S}Z"' in page


def test_the_worst_stands_first_and_of_equals_the_oldest() -> None:
    sarah = commander()
    low, young, old = led(sarah, severity=3), led(sarah, ago=2), led(sarah, ago=9)

    keys = [row.key for row in shown(sarah).active]

    assert keys == [old.key, young.key, low.key]


def test_a_row_without_a_commander_says_since_when_it_is_late() -> None:
    priya = make_user("Priya", roles=["engineer"])
    make_incident(by=priya, declared_at=clock.now() - minutes(5))

    row = shown(priya).active[0]

    assert (row.ic, row.ic_gap) == ("", "nobody, late 3 min")


def test_an_approval_waits_on_the_board_of_its_approver_and_of_nobody_else() -> None:
    sarah, priya = commander("Sarah"), make_user("Priya", roles=["engineer"])
    incident = led(sarah, ago=2)
    do(incident, "changes", priya, clock.now(), **CHANGE)

    hers, his = shown(sarah), shown(priya)

    assert [(wait.kind, wait.text) for wait in hers.yours] == [
        ("wait", "approve or reject: Turn off fail-back")
    ]
    assert hers.yours[0].action.url == f"/incidents/{incident.key}/#change-1"
    assert his.yours == ()
    assert hers.summary == his.summary == "1 active, 1 approval waiting"
    assert hers.title.startswith("(!) ")


def test_an_update_that_is_late_is_told_to_the_one_who_owes_it() -> None:
    sarah, other = commander("Sarah"), commander("Mikael")
    incident = led(sarah, ago=17)

    hers, his = shown(sarah), shown(other)

    assert [wait.action.url for wait in hers.yours if "update to" in wait.text] == [
        f"/incidents/{incident.key}/updates/new/"
    ]
    assert his.yours == ()
    assert "overdue" in hers.overdue
    assert hers.overdue == his.overdue


def test_a_page_waits_for_the_person_paged() -> None:
    first, second = commander("First"), commander("Second")
    incident = make_paged(first, second, at=clock.now())

    assert [(wait.key, wait.text) for wait in shown(first).yours] == [(incident.key, "you are paged")]
    assert shown(second).yours == ()


def test_revenue_is_for_those_who_may_see_it() -> None:
    make_service("Checkout", revenue_per_hour=38_400)
    led(commander())

    assert "38,400 per hour" in shown(make_user("Dana", roles=["manager"])).active[0].sub
    assert "38,400" not in shown(make_user("Wei", roles=["support"])).active[0].sub


def test_the_number_of_statements_does_not_grow_with_the_incidents() -> None:
    sarah = commander()
    led(sarah)
    browser = signed_in(sarah)
    browser.get("/")

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get("/").status_code == 200
        return len(queries)

    one = cost()
    for _ in range(3):
        do(led(sarah), "changes", make_user("Priya", roles=["engineer"]), clock.now(), **CHANGE)

    assert cost() == one
    assert one <= 14


def polled(browser: Client, after: str) -> Any:
    return browser.get("/live/", {"after": after})


def test_a_poll_without_news_is_204_and_after_an_act_brings_the_regions_and_the_new_cursor() -> None:
    sarah = commander()
    incident = led(sarah)
    browser = door.signed_in(sarah)
    before = shown(sarah).live.cursor

    quiet = polled(browser, before)
    do(incident, "changes", make_user("Priya", roles=["engineer"]), clock.now(), **CHANGE)
    news = polled(browser, before)

    assert (quiet.status_code, quiet.content) == (204, b"")
    assert news.status_code == 200
    assert news["Desk-Rev"] == shown(sarah).live.cursor != before
    assert news["Desk-Now"]
    for region in ("r-yours", "r-active", "r-resolved", "r-board-line"):
        assert f'id="{region}"' in news.content.decode()
    assert b"1 waiting" in news.content


def test_who_never_enters_a_war_room_gets_the_list_and_no_byte_of_the_board() -> None:
    led(commander("Sarah Okafor"))
    browser = signed_in(make_user("Marcus", roles=["executive"]))

    assert browser.get("/").headers["Location"] == "/incidents/"
    assert polled(browser, "").status_code == 404
    assert polled(Client(), "").status_code == 401


def test_an_empty_board_says_when_it_was_last_otherwise() -> None:
    sarah = commander()
    assert shown(sarah).quiet == "There has been none so far."
    resolved_at: datetime = clock.now() - timedelta(minutes=1)
    incident = led(sarah)
    Incident.objects.filter(pk=incident.pk).update(status="resolved", resolved_at=resolved_at)

    seen = shown(sarah)

    assert seen.summary == "No active incident"
    assert seen.quiet == f"The last one was resolved {resolved_at:%H:%M}."
    assert [row.key for row in seen.resolved] == [incident.key]


def test_what_else_is_late_in_one_incident_is_one_line_the_latest_first() -> None:
    sarah = commander("Sarah")
    led(sarah, ago=40)

    late = [wait for wait in shown(sarah).yours if wait.action.label == "Open"]

    assert [wait.text for wait in late] == [
        "overdue: Bridge open, Blast radius, Theory or escalate and Leadership"
    ]


def test_how_long_an_impact_lasted_is_told_as_it_passed_also_where_a_minute_is_shorter(settings: Any) -> None:
    settings.MINUTE_SECONDS = 6.0
    sarah = commander()
    incident = led(sarah, ago=5, severity=3)
    do(incident, "impact-ends", sarah, clock.now() - minutes(2))
    do(incident, "moves", sarah, clock.now() - minutes(2), to="monitoring", note="It healed itself")
    do(incident, "resolutions", sarah, clock.now() - minutes(1), proof="Green", items=ITEMS)

    past = shown(sarah).resolved[0]

    assert past.duration == "3 min"


def test_who_once_acknowledged_the_commander_still_reads_that_they_are_paged() -> None:
    sarah, alex = commander("Sarah"), make_user("Alex", roles=["engineer"])
    incident = make_incident(by=sarah)
    do(incident, "seats", sarah, T0, role="ic")
    do(incident, "ic-acknowledgements", alex, T0 + minutes(1))

    do(incident, "pages", sarah, T0 + minutes(2), person=alex.uid, text="come back")

    assert "you are paged" in [wait.text for wait in shown(alex).yours]

"""The room answers at a glance: who is in charge, what is done, what customers feel, when the next update is due."""

import pytest

from incidents.protocol import Draft
from people.models import User
from tests.desk.rooms import add, banner, by_alert, led, propose, room_of
from tests.factories import T0, do, make_client, minutes

pytestmark = pytest.mark.django_db


@pytest.mark.ledger("INC-41")
def test_the_head_answers_who_leads_what_is_done_what_customers_feel_and_when_the_next_update_is_due(
    sarah: User, alex: User
) -> None:
    incident = led(sarah, alex)
    do(incident, "objectives", sarah, T0 + minutes(2), text="Payments go through again")
    do(incident, "impact", alex, T0 + minutes(3), fails="Payments fail", users=1200)

    room = room_of(incident, alex, T0 + minutes(4))

    assert room.header.ic is not None and room.header.ic.name == "Sarah Okafor"
    assert room.objective.text == "Payments go through again"
    assert room.impact.fails == "Payments fail"
    assert room.impact.figures[0].now == "about 1,200"
    assert room.header.next_update.at is not None and room.header.next_update.at.iso == "2026-03-08T07:02:00Z"
    assert room.header.next_update.text == "11:00"


@pytest.mark.ledger("TRI-10")
def test_five_minutes_after_the_acknowledgement_the_page_says_not_declared_and_offers_it(alex: User) -> None:
    incident = by_alert(alex)
    add(incident, Draft("page.acknowledged", {"page": 1, "via": "page"}, alex.pk), now=T0 + minutes(1))

    before = banner(room_of(incident, alex, T0 + minutes(5.99)), "not-declared")
    at = banner(room_of(incident, alex, T0 + minutes(6)), "not-declared")

    assert before is None
    assert banner(room_of(incident, alex, T0 + minutes(2)), "declare") is not None
    assert at is not None and at.action is not None
    assert at.action.url == f"/declare/?incident={incident.key}"


@pytest.mark.ledger("CLK-02")
def test_each_clock_names_its_anchor_and_its_limit_from_the_protocol(sarah: User, alex: User) -> None:
    tiles = {tile.id: tile for tile in room_of(led(sarah, alex), alex, T0 + minutes(2)).clocks}

    assert tiles["blast_radius"].note == "10 min from alert fired"
    assert tiles["status_page"].note == "5 min from declared"
    assert tiles["stabilisation"].note == "15 min from impact ended"
    assert tiles["update-clients"].note.startswith("15 min from last update")


@pytest.mark.ledger("CLK-01")
def test_a_clock_shows_what_is_left_then_amber_then_how_late_and_what_it_took(
    sarah: User, alex: User
) -> None:
    incident = led(sarah, alex)

    def tile(name: str, after: float) -> tuple[str, str]:
        found = next(t for t in room_of(incident, alex, T0 + minutes(after)).clocks if t.id == name)
        return found.state, found.value

    assert tile("blast_radius", 3) == ("run", "07:00 left")
    assert tile("blast_radius", 8.5) == ("soon", "01:30 left")
    assert tile("blast_radius", 10) == ("late", "late 00:00")
    assert tile("blast_radius", 12.25) == ("late", "late 02:15")
    assert tile("ic", 12) == ("met", "01:00")
    do(incident, "blast-radius", alex, T0 + minutes(13), text="Ledger is down")
    assert tile("blast_radius", 20) == ("miss", "13:00")


@pytest.mark.ledger("INC-16")
def test_the_delay_between_first_failures_and_the_alert_is_shown(sarah: User, alex: User) -> None:
    incident = led(sarah, alex)
    do(incident, "impact-starts", alex, T0 + minutes(5), happened_at=T0 - minutes(3))
    do(incident, "impact-ends", alex, T0 + minutes(25))

    impact = room_of(incident, alex, T0 + minutes(26)).impact

    assert impact.starts == "07:44:00"
    assert impact.detection == "3 min after it began"
    assert (impact.ends, impact.duration) == ("08:12:00", "28 min")


@pytest.mark.ledger("INC-24", "INC-25")
def test_the_impact_keeps_its_peak_and_the_scope_says_what_is_unknown(sarah: User, alex: User) -> None:
    incident = led(sarah, alex)
    make_client("Kestrel Bank")
    do(incident, "impact", alex, T0 + minutes(5), users=3600)
    do(incident, "impact", alex, T0 + minutes(9), users=1200, worse="no")
    do(
        incident,
        "scope",
        alex,
        T0 + minutes(9),
        services=["unknown"],
        clients=["kestrel-bank"],
        regions="unknown",
    )

    impact = room_of(incident, alex, T0 + minutes(10)).impact

    users = impact.figures[0]
    assert (users.now, users.peak, users.at) == ("about 1,200", "3,600", "stated 07:56")
    assert impact.worse == "not getting worse"
    scope = {pair.label: pair.value for pair in impact.scope}
    assert scope == {"Services": "unknown", "Clients": "Kestrel Bank", "Regions": "unknown"}


@pytest.mark.ledger("APP-05")
def test_a_waiting_change_stands_before_the_commander_and_without_a_risk_it_cannot_be_approved(
    sarah: User, alex: User
) -> None:
    incident = led(sarah, alex)
    propose(incident, alex, T0 + minutes(3))
    propose(incident, alex, T0 + minutes(3), risk="")

    mine = room_of(incident, alex, T0 + minutes(4)).waiting
    whole, bare = room_of(incident, sarah, T0 + minutes(4)).waiting

    assert whole.word == "Waiting for you" and mine[0].word == "Waiting for Sarah Okafor"
    assert whole.acts == {"approvals", "rejections", "questions-on-changes", "withdrawals"}
    assert bare.acts == {"told-risk", "rejections", "questions-on-changes", "withdrawals"}
    assert mine[0].acts == {"withdrawals"}
    assert whole.waiting is not None and whole.waiting.text == "04:00"


@pytest.mark.ledger("APP-02")
def test_a_change_made_without_approval_stays_in_sight(sarah: User, alex: User) -> None:
    incident = led(sarah, alex)
    do(incident, "done-changes", alex, T0 + minutes(5), what="Restarted the primary", target="db-1")

    room = room_of(incident, sarah, T0 + minutes(6))

    assert room.changes[0].loud and room.changes[0].word == "Unauthorised"
    assert banner(room, "unauthorised-1") is not None
    assert room.timeline.entries[0].look == "miss"


@pytest.mark.ledger("GATE-08")
def test_resolve_says_when_it_opens_and_the_review_is_filled_in_within_its_limit(
    sarah: User, alex: User
) -> None:
    incident = led(sarah, alex)
    propose(incident, alex, T0 + minutes(3))
    do(incident, "approvals", sarah, T0 + minutes(4), number=1)
    do(incident, "starts", alex, T0 + minutes(5), number=1)
    do(incident, "impact-ends", sarah, T0 + minutes(10))

    running = room_of(incident, sarah, T0 + minutes(12)).gate
    open_ = room_of(incident, sarah, T0 + minutes(25)).gate

    assert running.resolve is not None and [block.id for block in running.resolve] == ["GATE-08"]
    assert running.resolve_label == "Resolve, opens at 07:12"
    assert running.opens == "2026-03-08T07:12:00Z"
    assert running.window is not None and (running.window.text, running.spent, running.limit) == (
        "13:00",
        120,
        900,
    )
    assert open_.resolve == () and open_.resolve_label == "Resolve"
    assert open_.review_at == "2026-03-10T07:12"
    assert open_.items[0].id == "errors"
    assert room_of(incident, alex, T0 + minutes(25)).gate.resolve is None


def test_a_resolved_alert_only_proposes_that_the_impact_has_ended(alex: User) -> None:
    incident = by_alert(alex)
    add(incident, Draft("alert.resolved", {"alert": 1}, texts={"name": "WriteErrors"}), now=T0 + minutes(4))

    proposed = banner(room_of(incident, alex, T0 + minutes(5)), "impact")

    assert proposed is not None and "may have ended" in proposed.text
    assert room_of(incident, alex, T0 + minutes(5)).impact.ends == ""


def test_an_overdue_update_is_loud_in_title_banner_and_head(sarah: User, alex: User) -> None:
    room = room_of(led(sarah, alex), sarah, T0 + minutes(19))

    late = banner(room, "overdue")
    assert late is not None and late.text.startswith("4 updates overdue: to responders, clients")
    assert room.state.title.startswith("(!) late 04:00 INC-")
    assert (room.header.next_update.look, room.state.loud) == ("late", "The next update is late.")


def test_nobody_is_said_to_decide_once_it_is_over(sarah: User, alex: User) -> None:
    incident = led(sarah, alex, severity=3)
    before = room_of(incident, sarah, T0 + minutes(2)).decides
    add(incident, Draft("status.moved", {"from": "investigating", "to": "resolved"}), now=T0 + minutes(3))

    after = room_of(incident, sarah, T0 + minutes(4)).decides

    assert (before, after) == ("You decide", "")

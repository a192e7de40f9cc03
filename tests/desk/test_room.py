"""The room answers at a glance: who is in charge, what is done, what customers feel, when the next update is due."""

import re
from dataclasses import fields
from datetime import datetime, timedelta
from typing import cast

import pytest
from django.db import connection
from django.template import Context, Engine
from django.test import Client
from django.test.utils import CaptureQueriesContext

from desk.room.shapes import Link, RoomView
from desk.room.standing import approvers
from desk.room.view import Room
from incidents.models import Incident
from incidents.protocol import Draft, State
from people.models import User
from tests.desk.doors import signed_in
from tests.desk.rooms import add, banner, by_alert, room_of
from tests.factories import T0, commander, do, make_client, make_incident, make_service, minutes
from tests.people.factories import make_team, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def sarah() -> User:
    return commander("Sarah Okafor")


@pytest.fixture
def alex() -> User:
    return make_user("Alex Kim", roles=("engineer",), zone="Europe/Berlin")


def led(ic: User, by: User, **fields: object) -> Incident:
    """An incident declared by one person and led by another."""
    incident = make_incident(by=by, **fields)  # type: ignore[arg-type]
    do(incident, "seats", ic, T0 + minutes(1), role="ic")
    return incident


def propose(incident: Incident, by: User, now: datetime, **more: object) -> None:
    do(incident, "changes", by, now, **{"what": "Turn off automatic fail-back", "target": "db-1", "why": "it flaps",
       "effect": "the primary stays", "risk": "30 s of writes", "undo": "turn it on", **more})  # fmt: skip


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


def test_every_part_that_the_templates_name_is_there(sarah: User, alex: User) -> None:
    room = room_of(led(sarah, alex), alex, T0 + minutes(5))

    missing = [field.name for field in fields(RoomView) if not hasattr(room, field.name)]

    assert missing == []


@pytest.mark.ledger("APP-22")
def test_the_head_always_says_who_approves(sarah: User, alex: User) -> None:
    incident = make_incident(by=alex)
    deputy = commander("Dana Whitlock")

    nobody = room_of(incident, alex, T0).header.approver
    do(incident, "seats", sarah, T0 + minutes(1), role="ic")
    commands = room_of(incident, alex, T0 + minutes(1)).header.approver
    do(incident, "seats", sarah, T0 + minutes(2), role="deputy", person=deputy.uid)
    do(incident, "absences", sarah, T0 + minutes(3), state="away")
    away = room_of(incident, alex, T0 + minutes(3)).header.approver

    assert nobody == "Nobody can approve: no IC"
    assert commands == "Sarah Okafor approves changes"
    assert away == "Dana Whitlock approves changes while the IC is away"


def test_a_commander_who_is_away_does_not_answer_as_one_of_the_managers_either() -> None:
    away = cast(State, {"seats": {"ic": {"user": 7, "away": "since"}}, "managers": [7, 9], "owner": 3})

    assert approvers(away, 3) == [9]


@pytest.mark.ledger("ROLE-30")
def test_seats_that_the_severity_asks_for_and_nobody_holds_are_gaps_in_the_head(
    sarah: User, alex: User
) -> None:
    incident = led(sarah, alex)
    minor = make_incident(by=alex, severity=3)

    before = room_of(incident, alex, T0 + minutes(2)).header.gaps
    do(incident, "seats", alex, T0 + minutes(3), role="ops")

    assert before == ("Comms Lead", "Ops Lead")
    assert room_of(incident, alex, T0 + minutes(3)).header.gaps == ("Comms Lead",)
    assert room_of(minor, alex, T0 + minutes(3)).header.gaps == ()


@pytest.mark.ledger("ROLE-37")
def test_the_chart_has_the_commander_on_top_and_everybody_with_a_way_to_reach_them(
    sarah: User, alex: User
) -> None:
    incident = led(sarah, alex)
    do(incident, "seats", alex, T0 + minutes(2), role="sme", domain="database")

    seats = room_of(incident, alex, T0 + minutes(3)).roster.seats

    assert [seat.id for seat in seats] == ["ic", "deputy", "ops", "comms", "scribe", "sme.database"]
    assert seats[0].holder is not None and seats[0].holder.contact == f"mailto:{sarah.email}"
    assert seats[-1].label == "SME, database"
    assert seats[-1].holder is not None and seats[-1].holder.you


@pytest.mark.ledger("ROLE-02")
def test_who_is_at_work_is_asked_to_acknowledge_the_commander_and_the_names_are_listed(
    sarah: User, alex: User
) -> None:
    incident = led(sarah, alex)
    do(incident, "seats", alex, T0 + minutes(2), role="ops")

    asked = banner(room_of(incident, alex, T0 + minutes(2)), "command")
    do(incident, "ic-acknowledgements", alex, T0 + minutes(3))
    room = room_of(incident, sarah, T0 + minutes(3))

    assert asked is not None and asked.post == "ic-acknowledgements"
    assert banner(room_of(incident, alex, T0 + minutes(3)), "command") is None
    assert room.roster.seats[0].note == "you, acknowledged by Alex Kim"


@pytest.mark.ledger("ROLE-05")
def test_the_commander_alone_sees_the_list_of_duties_with_what_is_done(sarah: User, alex: User) -> None:
    incident = led(sarah, alex)
    do(incident, "objectives", sarah, T0 + minutes(2), text="Payments go through again")

    duties = {duty.id: duty.done for duty in room_of(incident, sarah, T0 + minutes(3)).roster.duties}

    assert len(duties) == 13
    assert duties["declare"] == "06:47"
    assert duties["objective"] == "06:49"
    assert duties["resolve"] == ""
    assert room_of(incident, alex, T0 + minutes(3)).roster.duties == ()


@pytest.mark.ledger("ROLE-04")
def test_without_a_commander_a_loud_banner_stays_and_offers_the_seat_to_who_may_take_it(
    sarah: User, alex: User
) -> None:
    incident = make_incident(by=alex)

    offered = banner(room_of(incident, sarah, T0 + minutes(3)), "no-ic")
    told = banner(room_of(incident, alex, T0 + minutes(3)), "no-ic")
    do(incident, "seats", sarah, T0 + minutes(4), role="ic")

    assert offered is not None and (offered.kind, offered.post) == ("late", "seats")
    assert {pair.label: pair.value for pair in offered.fields}["role"] == "ic"
    assert offered.since is not None and offered.since.text == "late 01:00"
    assert told is not None and told.post == ""
    assert banner(room_of(incident, sarah, T0 + minutes(4)), "no-ic") is None


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


@pytest.mark.ledger("INC-17")
def test_an_entry_shows_local_time_utc_beside_it_and_minutes_since_detection(sarah: User, alex: User) -> None:
    incident = led(sarah, alex)
    do(incident, "entries", alex, T0 + minutes(13), kind="note", text="seen")

    entry = room_of(incident, alex, T0 + minutes(14)).timeline.entries[0]
    in_utc = room_of(incident, sarah, T0 + minutes(14)).timeline.entries[0]

    assert (entry.at.clock, entry.at.utc, entry.plus) == ("08:00:00", "07:00 UTC", "T+13")
    assert entry.at.full == "Sun 8 March 2026, 08:00:00 UTC+1 (07:00:00 UTC)"
    assert (in_utc.at.clock, in_utc.at.utc) == ("07:00:00", "")


@pytest.mark.ledger("FIND-09")
def test_an_entry_made_long_after_the_fact_is_marked_late(sarah: User, alex: User) -> None:
    incident = led(sarah, alex)
    do(incident, "entries", alex, T0 + minutes(30), kind="note", text="old", happened_at=T0 + minutes(10))
    do(incident, "entries", alex, T0 + minutes(31), kind="note", text="fresh", happened_at=T0 + minutes(30))

    fresh, old = room_of(incident, alex, T0 + minutes(32)).timeline.entries[:2]

    assert (old.late, old.plus) == ("entered 20 min later", "T+10")
    assert fresh.late == ""


@pytest.mark.ledger("FIND-04", "FIND-08")
def test_a_ruled_out_theory_is_struck_out_and_a_corrected_line_points_to_its_correction(
    sarah: User, alex: User
) -> None:
    incident = led(sarah, alex)
    theory = do(incident, "entries", alex, T0 + minutes(3), kind="theory", text="DNS")
    line = do(incident, "entries", alex, T0 + minutes(4), kind="note", text="db-1 is down")
    do(incident, "theories", alex, T0 + minutes(5), seq=theory.seq, state="ruled_out")
    fixed = do(incident, "corrections", alex, T0 + minutes(6), seq=line.seq, text="db-2 is down")

    room = room_of(incident, alex, T0 + minutes(7))
    entries = {entry.seq: entry for entry in room.timeline.entries}

    assert entries[theory.seq].out and entries[theory.seq].title == "Theory, ruled out 07:52"
    assert entries[line.seq].out and entries[line.seq].corrected == f"corrected 07:53, see entry {fixed.seq}"
    assert entries[fixed.seq].link == Link(f"#e-{line.seq}", f"corrects entry {line.seq}")
    assert (room.theories[0].state, room.theories[0].word) == ("ruled_out", "Ruled out 07:52 by Alex Kim")


@pytest.mark.ledger("CMD-03")
def test_the_roll_call_says_who_was_called_who_joined_and_who_is_late(sarah: User, alex: User) -> None:
    service = make_service("Ledger", bridge="https://meet.example/ledger")
    incident = led(sarah, alex, service=service)
    dana = make_user("Dana Whitlock", roles=("comms",))
    do(incident, "seats", sarah, T0 + minutes(2), role="ops", person=alex.uid)
    do(incident, "seats", sarah, T0 + minutes(2), role="comms", person=dana.uid)
    do(incident, "bridge-joins", alex, T0 + minutes(3))

    room = room_of(incident, dana, T0 + minutes(5))
    calls = {call.name: (call.state, call.note) for call in room.roster.calls}

    assert calls["Alex Kim"] == ("joined", "joined 06:50")
    assert calls["Dana Whitlock"] == ("late", "late 01:00")
    assert room.roster.may_join
    called = banner(room, "bridge")
    assert called is not None and (called.kind, called.post) == ("late", "bridge-joins")


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


def test_a_handover_is_offered_in_front_of_the_person_asked(sarah: User, alex: User) -> None:
    incident = led(sarah, alex)
    dana = commander("Dana Whitlock")
    do(
        incident,
        "handovers",
        sarah,
        T0 + minutes(5),
        seat="ic",
        person=dana.uid,
        text="Payments fail; db-1 flaps",
    )

    room = room_of(incident, dana, T0 + minutes(6))

    offered = banner(room, "handover")
    assert offered is not None and offered.post == "handover-answers"
    assert offered.brief == "Payments fail; db-1 flaps"
    assert {field.value for field in offered.fields} == {"ic", "accept"}
    assert {field.value for field in offered.refuse_fields} == {"ic", "decline"}
    assert room.roster.seats[0].acts >= {"accept", "decline"}
    assert room.header.ic_note == "offered to Dana Whitlock"


@pytest.mark.ledger("COM-35")
def test_what_was_sent_stands_to_the_letter_with_what_became_of_it(sarah: User, alex: User) -> None:
    incident = led(sarah, alex, clients=[make_client().slug])
    do(incident, "updates", sarah, T0 + minutes(5), audiences=["clients", "public"], impact="Payments fail",
       next_at=T0 + minutes(18))  # fmt: skip

    sends = {row.id: row for row in room_of(incident, alex, T0 + minutes(6)).sends}

    assert (sends["1-clients"].state, sends["1-clients"].word) == ("pending", "0 of 1 sent")
    assert "Payments fail" in sends["1-clients"].text
    assert sends["1-public"].word == "kept here, goes to nobody by message"
    assert sends["1-clients"].by == "Sarah Okafor, 06:52 UTC, T+5"


@pytest.mark.ledger("INC-02", "INC-28")
def test_dashboards_of_the_affected_services_stand_on_the_page(sarah: User, alex: User) -> None:
    service = make_service(
        "Ledger",
        dashboards=[
            {"name": "Writes", "url": "https://graphs.example/w"},
            {"name": "x", "url": "javascript:1"},
        ],
    )
    incident = led(sarah, alex, service=service)

    links = room_of(incident, alex, T0 + minutes(2)).places.dashboards

    assert [(link.label, link.url) for link in links] == [("Writes, Ledger", "https://graphs.example/w")]


def test_a_driven_incident_is_read_at_its_drivers_last_instant_and_does_not_poll(
    sarah: User, alex: User
) -> None:
    incident = led(sarah, alex)
    Incident.objects.filter(pk=incident.pk).update(time="driven", driven_now=T0 + minutes(4))

    room = room_of(incident, alex, T0 + minutes(9000))

    assert room.header.elapsed.text == "04:00"
    assert room.live.closed


def test_a_closed_record_offers_no_act(sarah: User, alex: User) -> None:
    incident = make_incident(by=sarah)
    do(incident, "seats", sarah, T0, role="ic")
    do(incident, "closures", sarah, T0 + minutes(3), note="a drill of the monitoring")

    room = room_of(incident, sarah, T0 + minutes(4))

    assert room.may == frozenset()
    assert room.banners == ()
    assert all(not seat.acts for seat in room.roster.seats)


def test_the_last_fifty_entries_are_on_the_page_and_older_ones_in_the_record(sarah: User, alex: User) -> None:
    incident = led(sarah, alex)
    add(
        incident,
        *(Draft("note", {}, alex.pk, texts={"text": f"line {n}"}) for n in range(60)),
        now=T0 + minutes(3),
    )

    timeline = room_of(incident, alex, T0 + minutes(4)).timeline

    assert len(timeline.entries) == 50
    assert timeline.entries[0].text == "line 59"
    assert timeline.older == f"/incidents/{incident.key}/record/?before={timeline.entries[-1].seq}"


@pytest.fixture
def strict_templates() -> object:
    """A template that names something which is not there prints a mark."""
    engine = Engine.get_default()
    before, engine.string_if_invalid = engine.string_if_invalid, "⟦%s⟧"
    yield
    engine.string_if_invalid = before


@pytest.mark.usefixtures("strict_templates")
def test_the_page_prints_nothing_that_is_not_there_and_every_typed_text_as_text(
    client: Client, sarah: User, alex: User
) -> None:
    incident = rich(sarah, alex)

    for person in (sarah, alex):
        client.force_login(person)
        page = client.get(f"/incidents/{incident.key}/").content.decode()

        assert page.count("<script>alert") == 0
        assert "&lt;script&gt;alert(1)" in page
        assert [
            mark[:60] for mark in page.split("⟦")[1:] if not mark.startswith(("room.answer", "shell"))
        ] == []


def rich(sarah: User, alex: User) -> Incident:
    """An incident with something in every region."""
    service = make_service(
        "Ledger", bridge="https://meet.example/l", dashboards=[{"name": "W", "url": "https://g.example"}]
    )
    incident = led(sarah, alex, service=service, clients=[make_client().slug])
    at = T0 + minutes(5)
    do(incident, "seats", alex, at, role="ops")
    do(
        incident,
        "entries",
        alex,
        at,
        kind="finding",
        text="<script>alert(1)</script>",
        source="log",
        value="12",
        cause=True,
    )
    do(incident, "entries", alex, at, kind="theory", text="<script>alert(1)</script>")
    do(incident, "impact", alex, at, users=12, fails="<script>alert(1)</script>", revenue=38_400)
    do(incident, "objectives", sarah, at, text="Payments again")
    for _ in range(2):
        propose(incident, alex, at)
    do(incident, "approvals", sarah, at, number=1)
    do(incident, "starts", alex, at, number=1)
    do(incident, "questions-on-changes", sarah, at, number=2, text="why?")
    do(
        incident,
        "updates",
        sarah,
        at,
        audiences=["responders", "public"],
        impact="Payments fail",
        next_at=at + minutes(9),
    )
    do(incident, "impact-ends", sarah, at)
    do(incident, "pages", sarah, at, person=alex.uid, text="wake up")
    return incident


def statements(client: Client, path: str) -> int:
    """How many statements an answer takes."""
    client.get(path)
    with CaptureQueriesContext(connection) as said:
        client.get(path)
    return len(said)


def test_the_page_takes_the_same_number_of_statements_at_50_and_at_5000_entries(
    client: Client, sarah: User, alex: User
) -> None:
    short, long = rich(sarah, alex), led(sarah, make_user("Bo Lind", roles=("engineer",)))
    add(short, *_notes(alex, 30), now=T0 + minutes(6))
    add(long, *_notes(alex, 5000), now=T0 + minutes(6))
    client.force_login(alex)

    counts = {statements(client, f"/incidents/{each.key}/") for each in (short, long)}

    assert len(counts) == 1
    assert counts.pop() in range(8, 25)


def _notes(by: User, many: int) -> list[Draft]:
    return [Draft("note", {}, by.pk, texts={"text": f"line {n}"}) for n in range(many)]


def test_rooms_know_teams() -> None:
    team = make_team("Payments platform")
    human = make_user("Priya Nair", roles=("engineer",), team=team)
    incident = make_incident(by=human)

    room: Room = room_of(incident, human, T0)

    assert room.choices.people[0].label == "Priya Nair (you)"
    assert room.choices.people[0].hint == team.name


def test_a_refused_act_without_a_script_comes_back_with_the_room_and_all_that_was_typed(
    client: Client, sarah: User, alex: User
) -> None:
    incident = led(sarah, alex)
    client.force_login(alex)

    answer = client.post(
        f"/incidents/{incident.key}/entries/",
        {"kind": "finding", "text": "lag of 40 s on db-2", "source": "", "value": "", "request_id": "one"},
    )
    page = answer.content.decode()

    assert answer.status_code == 422
    assert "lag of 40 s on db-2" in page
    assert "A finding needs its source" in page
    assert 'id="r-header"' in page


def test_nobody_is_said_to_decide_once_it_is_over(sarah: User, alex: User) -> None:
    incident = led(sarah, alex, severity=3)
    before = room_of(incident, sarah, T0 + minutes(2)).decides
    add(incident, Draft("status.moved", {"from": "investigating", "to": "resolved"}), now=T0 + minutes(3))

    after = room_of(incident, sarah, T0 + minutes(4)).decides

    assert (before, after) == ("You decide", "")


def test_sentences_tell_times_by_the_readers_clock_and_name_a_day_that_is_not_today(sarah: User) -> None:
    alex = make_user("Alex Kim", roles=("engineer",), zone="Asia/Kolkata")
    incident = led(sarah, alex)
    do(incident, "updates", sarah, T0 + minutes(3), audiences=["responders"], impact="Payments fail")
    sent = incident.seq

    said = {at: next(entry.sentence for entry in room_of(incident, alex, at).timeline.entries if entry.seq == sent)
            for at in (T0 + minutes(4), T0 + timedelta(days=1))}  # fmt: skip

    assert said[T0 + minutes(4)].endswith("The next is promised by 12:35:00.")
    assert said[T0 + timedelta(days=1)].endswith("The next is promised by Sun 8 March 12:35:00.")


def test_entries_of_other_days_stand_under_a_line_that_names_theirs(sarah: User, alex: User) -> None:
    incident = led(sarah, alex)
    do(incident, "entries", alex, T0 + timedelta(days=1), kind="note", text="the next day")

    def lines(now: datetime) -> list[str]:
        room = room_of(incident, sarah, now)
        html = Engine.get_default().get_template("desk/_timeline.html").render(Context({"room": room}))
        return re.findall(r'timeline__day">([^<]+)<', html)

    assert lines(T0 + timedelta(days=1)) == ["Sun 8 March"]
    assert lines(T0 + timedelta(days=2)) == ["Mon 9 March", "Sun 8 March"]


def test_a_seat_is_never_offered_to_whoever_offers_it(sarah: User, alex: User) -> None:
    incident = led(sarah, alex)

    html = signed_in(sarah).get(f"/incidents/{incident.key}/").content.decode()
    to = re.search(r'<select[^>]* id="handovers-person".*?</select>', html, re.DOTALL)

    assert to is not None
    assert str(sarah.uid) not in to[0]
    assert str(alex.uid) in to[0]

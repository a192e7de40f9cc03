"""The room knows who commands, who is missing, who was called and who may answer."""

import re
from typing import cast

import pytest

from desk.room.view import Room
from incidents.protocol import State
from incidents.protocol.state import approvers
from people.models import User
from tests.desk.doors import signed_in
from tests.desk.rooms import banner, led, room_of
from tests.factories import T0, commander, do, make_incident, make_service, minutes
from tests.people.factories import make_team, make_user

pytestmark = pytest.mark.django_db


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

    offered = banner(room, "handover-ic")
    assert offered is not None and offered.post == "handover-answers"
    assert offered.brief == "Payments fail; db-1 flaps"
    assert {field.value for field in offered.fields} == {"ic", "accept"}
    assert {field.value for field in offered.refuse_fields} == {"ic", "decline"}
    assert room.roster.seats[0].acts >= {"accept", "decline"}
    assert room.header.ic_note == "offered to Dana Whitlock"


def test_every_seat_that_is_offered_to_the_viewer_stands_in_front_of_them_with_its_own_brief(
    sarah: User, alex: User
) -> None:
    incident = led(sarah, alex)
    dana = commander("Dana Whitlock")
    do(incident, "seats", alex, T0 + minutes(4), role="ops")
    for seat, holder in (("ic", sarah), ("ops", alex)):
        do(
            incident,
            "handovers",
            holder,
            T0 + minutes(5),
            seat=seat,
            person=dana.uid,
            text=f"brief of {seat}",
        )

    room = room_of(incident, dana, T0 + minutes(6))

    shown = {seat: banner(room, f"handover-{seat}") for seat in ("ic", "ops")}
    assert {seat: each.brief for seat, each in shown.items() if each} == {
        "ic": "brief of ic",
        "ops": "brief of ops",
    }
    assert room.header.ic_note == "offered to Dana Whitlock"
    assert all(seat.acts >= {"accept"} for seat in room.roster.seats if seat.id in shown)


def test_rooms_know_teams() -> None:
    team = make_team("Payments platform")
    human = make_user("Priya Nair", roles=("engineer",), team=team)
    incident = make_incident(by=human)

    room: Room = room_of(incident, human, T0)

    assert room.choices.people[0].label == "Priya Nair (you)"
    assert room.choices.people[0].hint == team.name


def test_a_seat_is_never_offered_to_whoever_offers_it(sarah: User, alex: User) -> None:
    incident = led(sarah, alex)

    html = signed_in(sarah).get(f"/incidents/{incident.key}/").content.decode()
    to = re.search(r'<select[^>]* id="handovers-person".*?</select>', html, re.DOTALL)

    assert to is not None
    assert str(sarah.uid) not in to[0]
    assert str(alex.uid) in to[0]


@pytest.mark.ledger("ROLE-03")
def test_an_empty_seat_of_the_commander_can_be_offered_without_a_script(sarah: User, alex: User) -> None:
    """After a relief the manager offers the seat: the dialog that the link opens names it."""
    incident = led(sarah, alex)
    boss = make_user("Boss", roles=("manager",))
    do(incident, "seat-ends", boss, T0 + minutes(30), seat="ic", note="twelve hours are enough")
    browser = signed_in(boss)
    html = browser.get(f"/incidents/{incident.key}/").content.decode()

    linked = set(re.findall(r'href="#f-handovers"[^>]* data-fill-seat="([^"]+)"', html))
    to_hand = re.search(r'<select[^>]* id="handovers-seat".*?</select>', html, re.DOTALL)
    to_end = re.search(
        r'<select[^>]* id="seat_ends-seat".*?</select>|<select[^>]* id="seat-ends-seat".*?</select>',
        html,
        re.DOTALL,
    )

    assert to_hand is not None and to_end is not None
    assert "ic" in linked
    assert set(re.findall(r'option value="([^"]+)"', to_hand[0])) == linked
    assert "Incident Commander: nobody yet" in to_hand[0]
    assert 'value="ic"' not in to_end[0]

"""Whatever anybody presses in whatever state: an answer or a sentence, never a broken constraint; and buttons do not lie."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from desk.room.view import Room
from incidents.protocol.guards.changes import OPEN
from incidents.protocol.state import State, ended, holder, seat_kind
from incidents.verify import verify
from people.models import User
from people.rights import qualified
from tests.desk.doors import by_flow, signed_in
from tests.desk.random_nights import CLOSING, ITEMS, Night, told
from tests.desk.rooms import room_of
from tests.factories import minutes

pytestmark = pytest.mark.django_db
STEPS = ("approvals", "rejections", "questions-on-changes", "replies", "withdrawals", "starts", "finishes", "confirmations")  # fmt: skip


@pytest.mark.ledger("APP-04", "GATE-06", "ROLE-01")
@pytest.mark.parametrize("seed", range(4))
def test_no_act_that_the_gates_allow_breaks_a_constraint(seed: int) -> None:
    for story in told(seed, 110):
        _kept_apart(story)

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert verify(story.incident) is None
    assert len(story.done) >= 8, story.done
    for person in {user.pk: user for user in story.people}.values():
        if person.sees_room:
            browser = signed_in(person)
            assert browser.get(f"/incidents/{story.incident.key}/").status_code == 200
            assert browser.get(f"/incidents/{story.incident.key}/record/").status_code == 200


def _kept_apart(story: Night) -> None:
    """What must hold after every step."""
    state = story.incident.state
    commander = holder(state, "ic")
    for change in state["changes"].values():
        own = change["approver"] is not None and change["approver"] == change["requester"]
        assert not (own and change.get("under") in (1, 2)), change
        if change["state"] == "approved" and (state["severity"] or state["presumed"]) in (1, 2):
            assert not own, change
        if change["state"] in OPEN and change["implementer"] is not None:
            assert change["implementer"] != commander, change


STATUSES = ("investigating", "identified", "mitigating", "monitoring")
Button = tuple[str, dict[str, Any], bool]


def _buttons(room: Room, story: Night, viewer: User) -> Iterator[Button]:
    """Every act that a page could offer, with what pressing it sends, and whether this one does."""
    someone = next(user for user in story.people if qualified(user.roles, "ic") and user.pk != viewer.pk)
    yield from _of_changes(room)
    yield from _of_seats(room, someone)
    open_moves = {move.to for move in room.gate.moves if not move.blocks}
    for to in STATUSES:
        yield "moves", {"to": to, "note": "because", "workaround": "by hand"}, to in open_moves
    review = (story.now + minutes(600)).isoformat()
    yield "resolutions", {"proof": "fine", "items": ITEMS, "review_at": review}, room.gate.resolve == ()
    yield "closures", {"items": CLOSING, "note": "because", "reason": "because"}, room.gate.close == ()
    yield "impact-ends", {}, bool(room.gate.may_impact_end)
    yield "samples", {"note": "one error"}, bool(room.gate.may_sample)
    yield from _dialogs(room, story, someone)


def _of_changes(room: Room) -> Iterator[Button]:
    given = {"text": "words", "note": "because", "risk": "r", "seen": "yes"}
    for card in {card.number: card for card in (*room.waiting, *room.changes)}.values():
        acts = card.acts | ({"approvals"} if "told-risk" in card.acts else set())
        yield from ((noun, {**given, "number": card.number}, noun in acts) for noun in STEPS)


def _of_seats(room: Room, someone: User) -> Iterator[Button]:
    for seat in room.roster.seats:
        place = {"seat": seat.id}
        sends = {
            "claim": ("seats", {"role": seat.role, "domain": seat.domain}),
            "acknowledge": ("seat-acknowledgements", place),
            "accept": ("handover-answers", {**place, "answer": "accept"}),
            "decline": ("handover-answers", {**place, "answer": "decline"}),
            "hand-over": ("handovers", {**place, "person": str(someone.uid), "text": "brief"}),
            "end": ("seat-ends", {**place, "note": "because"}),
        }
        if seat.id == "ic":
            sends |= {"away": ("absences", {"state": "away"}), "back": ("absences", {"state": "back"})}
        yield from ((*send, act in seat.acts) for act, send in sends.items())


def _dialogs(room: Room, story: Night, someone: User) -> Iterator[Button]:
    firing = next((key for key, each in story.incident.state["alerts"].items() if each["firing"]), None)
    fields = {
        "entries": {"kind": "note", "text": "hello"}, "changes": dict.fromkeys(("what", "target", "why", "effect", "undo"), "x"),
        "done-changes": {"what": "x"}, "severity": {"severity": 2, "reason": "r"},
        "severity-proposals": {"severity": 2, "reason": "r"}, "owners": {"person": str(someone.uid)},
        "scope": {"regions": "eu"}, "impact": {"users": 1}, "blast-radius": {"text": "x"}, "objectives": {"text": "x"},
        "escalations": {"to": "vendor", "text": "x"}, "bridge": {"link": "https://bridge.example/1"},
        "lead-notices": {"text": "x"}, "pages": {"person": str(someone.uid)}, "checklist": {"item": "lag"},
        "reasons": {"clock": "theory", "text": "x"}, **({"alert-ends": {"alert": firing, "reason": "x"}} if firing else {}),
    }  # fmt: skip
    yield from ((noun, fields[noun], noun in room.may) for noun in sorted(fields))


def _needless(state: State, noun: str, fields: dict[str, Any]) -> bool:
    """What anybody may do who has the right, and a page leaves out because it would change nothing, or has no cause yet."""
    held = state["seats"].get(fields.get("seat", "ic"))
    match noun:
        case "reasons":
            return not (run := state["clocks"].get(fields["clock"])) or run["now"] is None
        case "samples":
            return "impact_ended" not in state["milestones"] or ended(state)
        case "lead-notices":
            return "lead_told" in state["milestones"] or ended(state)
        case "absences":
            return bool(held and held.get("away")) == (fields["state"] == "away")
        case "seat-acknowledgements":
            return bool(held and held["acked"])
    return False


def _pressed(story: Night, noun: str, fields: dict[str, Any], by: User) -> tuple[int, tuple[str, ...], str]:
    """What came of it, and nothing of it left."""
    with transaction.atomic():
        came = by_flow(story.incident, noun, fields, by, now=story.now)
        transaction.set_rollback(True)
    return came.status, came.gates, came.sentence


@pytest.mark.ledger("RBAC-19", "RBAC-21")
@pytest.mark.parametrize("seed", (11, 12, 13))
def test_what_a_button_offers_is_not_refused_and_what_no_button_offers_is(seed: int) -> None:
    lies = []

    for place, story in enumerate(told(seed, 90)):
        if place % 22:
            continue
        for person in {user.pk: user for user in story.people}.values():
            if not person.sees_room:
                continue
            room = room_of(story.incident, person, story.now)
            for noun, fields, offered in _buttons(room, story, person):
                status, gates, sentence = _pressed(story, noun, fields, person)
                if offered and (status == 403 or gates):
                    lies.append(
                        f"{seed}/{place}: {person.name} is offered {noun} {fields}: {gates} {sentence}"
                    )
                elif not offered and status == 200 and not _needless(story.incident.state, noun, fields):
                    lies.append(f"{seed}/{place}: {person.name} is not offered {noun} {fields}, and may")

    assert lies == []


def test_seats_of_one_kind_are_one_kind() -> None:
    assert [seat_kind(seat) for seat in ("ops", "ops2", "sme.database", "ic")] == ["ops", "ops", "sme", "ic"]

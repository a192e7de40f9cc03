"""Seats: claim, name, acknowledge, hand over, end; the bridge (ROLE-01..04, -13..16, -29; CMD-01, -03)."""

from typing import Any

from desk.flows.act import act
from desk.flows.room import Room
from desk.forms.fields import EmptyForm, TextForm
from desk.forms.seats import (
    AbsenceForm,
    BridgeForm,
    CommandForm,
    HandoverAnswerForm,
    HandoverForm,
    SeatForm,
    SeatOnlyForm,
)
from incidentdesk.kernel.errors import Block, Invalid, Refused
from incidentdesk.kernel.stamps import Stamp, moment
from incidents.authority import Authority
from incidents.protocol.state import holder, seat_kind
from incidents.sentences import seat_label as label
from people.models import User
from people.rights import Right, qualified


def _seat(form: SeatForm) -> str:
    if form.role != "sme":
        return form.role
    if not form.domain:
        raise Invalid(
            fields={
                "domain": "Say for which domain: database, network, application, security or infrastructure."
            }
        )
    return f"sme.{form.domain}"


def _right(who: Authority, form: SeatForm) -> Right:
    return Right.CLAIM_SEAT if form.person is None else Right.ASSIGN


def _mine(who: Authority, seat: str) -> bool:
    return holder(who.state, seat) == who.user


def _offering(who: Authority, form: HandoverForm) -> Right | None:
    """The holder's own seat needs no right; after a relief a manager offers the empty seat of the IC (ROLE-35)."""
    if _mine(who, form.seat):
        return None
    relieved = form.seat == "ic" and holder(who.state, "ic") is None and who.state["relieved"] is not None
    return Right.RELIEVE_IC if relieved and who.may(Right.RELIEVE_IC) else Right.ASSIGN


def _ending(who: Authority, form: SeatOnlyForm) -> Right | None:
    """Leaving is free; the IC's manager relieves the IC (ROLE-35)."""
    if _mine(who, form.seat):
        return None
    return Right.RELIEVE_IC if form.seat == "ic" and who.may(Right.RELIEVE_IC) else Right.ASSIGN


def _absence(who: Authority, form: AbsenceForm) -> Right | None:
    return None if _mine(who, "ic") else Right.POST


def _seen(room: Room, seat: str) -> int:
    """The version of a seat: the entry that put its holder there, 0 while it is empty."""
    held = room.state["seats"].get(seat)
    return held["seq"] if held else 0


def _of_role(room: Room, form: SeatForm) -> int:
    return _seen(room, _seat(form))


def _of_seat(room: Room, form: SeatOnlyForm | HandoverForm) -> int:
    return _seen(room, form.seat)


def _of_the_ic(room: Room, form: Any) -> int:
    return _seen(room, "ic")


def _of_offer(room: Room, form: HandoverAnswerForm) -> int | None:
    """The offer with its brief; where it is gone the guard says so better."""
    offer = room.state["offers"].get(form.seat)
    return offer["seq"] if offer and offer["to"] == room.by.pk else None


def _fit(person: User, seat: str) -> Block | None:
    if qualified(person.roles, seat_kind(seat)):
        return None
    return Block(
        "GATE-19", f"{person.name} is not qualified for the seat {label(seat)}. Choose somebody who is."
    )


@act("seats", _right, SeatForm, "seat.named", "seat.claimed", "seat.offered", answers=_of_role)
def seats(room: Room, form: SeatForm) -> str:
    """Claim an empty seat, or name somebody for one."""
    seat = _seat(form)
    return _claim(room, seat) if form.person is None else _name(room, seat, room.person(form.person))


def _claim(room: Room, seat: str) -> str:
    _end_who_is_out(room, seat)
    try:
        room.check("seat.claimed", seat=seat)
    except Refused as refusal:
        raise Refused([_naming_the_holder(room, seat, block) for block in refusal.blocks]) from None
    room.add("seat.claimed", {"seat": seat, "user": room.by.pk})
    claimed = room.last
    if seat == "ic":
        room.tell([user for user in room.everyone() if user != room.by.pk], f"{room.by.name} is Incident Commander",
                  f"{room.by.name} has taken command. Acknowledge in the room.", key=f"ic:{claimed.seq}")  # fmt: skip
    room.last = claimed
    return f"You are {label(seat)} now."


def _end_who_is_out(room: Room, seat: str) -> None:
    """Somebody who was put out of the desk can neither act in a seat nor hand it over, so a claim ends their term."""
    user = holder(room.state, seat)
    if user not in (None, room.by.pk) and not User.objects.filter(pk=user, is_active=True).exists():
        room.add(
            "seat.ended", {"seat": seat, "user": user}, texts={"note": "No longer active here."}, desk=True
        )


def _naming_the_holder(room: Room, seat: str, block: Block) -> Block:
    """Whoever was second learns who was first, and when (F21)."""
    held = room.state["seats"].get(seat)
    if block.id not in ("GATE-07", "ROLE-02") or held is None or held["user"] == room.by.pk:
        return block
    name = User.objects.values_list("name", flat=True).get(pk=held["user"])
    return Block(
        block.id, f"{name} is {label(seat)} since {moment(held['since']):%H:%M:%S} UTC. {block.sentence}"
    )


def _name(room: Room, seat: str, person: User) -> str:
    """Name somebody; naming another IC is an offer, since only a claim, an acceptance or a relief changes the IC."""
    if seat == "ic":
        if holder(room.state, seat) == person.pk:
            raise Invalid(fields={"person": f"{person.name} holds this seat already."})
        return _offer(
            room, seat, person, f"{room.by.name} asks you to take command. Open the room for what is known."
        )
    room.check("seat.named", seat=seat, user=person.pk)
    unfit = _fit(person, seat)
    if unfit is not None:
        raise Refused([unfit])
    if holder(room.state, seat) == person.pk:
        raise Invalid(fields={"person": f"{person.name} holds this seat already."})
    room.add("seat.named", {"seat": seat, "user": person.pk, "was": holder(room.state, seat)})
    if person.pk != room.by.pk:
        room.tell([person.pk], f"you are {label(seat)}", f"{room.by.name} named you {label(seat)}. "
                  "Open the room, join the bridge and say that you are there.", key=f"call:{room.last.seq}", page=True)  # fmt: skip
    return f"{person.name} is {label(seat)} now."


@act("seat-acknowledgements", Right.SEE_ROOM, SeatOnlyForm, "seat.acknowledged", answers=_of_seat)
def seat_acknowledgements(room: Room, form: SeatOnlyForm) -> str:
    """Acknowledge the seat you were named for."""
    room.check("seat.acknowledged", seat=form.seat)
    room.add("seat.acknowledged", {"seat": form.seat, "user": room.by.pk})
    return "Acknowledged."


@act("ic-acknowledgements", Right.POST, CommandForm, "ic.acknowledged", answers=_of_the_ic)
def ic_acknowledgements(room: Room, form: CommandForm) -> str:
    """Acknowledge who is in command (ROLE-02)."""
    room.check("ic.acknowledged")
    room.add("ic.acknowledged", {"ic": holder(room.state, "ic")}, happened_at=form.happened_at)
    return "Acknowledged."


@act("handovers", _offering, HandoverForm, "seat.offered", answers=_of_seat)
def handovers(room: Room, form: HandoverForm) -> str:
    """Offer a seat with a brief; the holder stays in office until it is accepted (ROLE-03)."""
    return _offer(room, form.seat, room.person(form.person), form.text)


def _offer(room: Room, seat: str, person: User, brief: str) -> str:
    room.check("seat.offered", seat=seat)
    unfit = _fit(person, seat)
    if unfit is not None:
        raise Refused([unfit])
    room.add("seat.offered", {"seat": seat, "user": person.pk}, texts={"brief": brief})
    room.tell([person.pk], f"take over as {label(seat)}?", f"{room.by.name} offers you the seat {label(seat)}.\n\n{brief}",
              key=f"offer:{room.last.seq}", page=True)  # fmt: skip
    present = holder(room.state, seat)
    if present is None:
        return f"{person.name} is asked. The seat stays empty until they accept."
    stays = "You stay" if present == room.by.pk else "The holder stays"
    return f"{person.name} is asked. {stays} {label(seat)} until they accept."


@act(
    "handover-answers",
    Right.SEE_ROOM,
    HandoverAnswerForm,
    "seat.accepted",
    "seat.declined",
    answers=_of_offer,
)
def handover_answers(room: Room, form: HandoverAnswerForm) -> str:
    """Accept or decline a seat that was offered to you."""
    room.check("seat.declined" if form.answer == "decline" else "seat.accepted", seat=form.seat)
    offer = room.state["offers"][form.seat]  # one to this person: the guard `offered to me` has just said so
    if form.answer == "decline":
        room.add("seat.declined", {"seat": form.seat, "user": room.by.pk}, texts={"note": form.note})
        room.tell(
            [offer["by"]],
            "handover declined",
            f"{room.by.name} declined the seat.",
            key=f"declined:{room.last.seq}",
        )
        return "Declined; the seat is unchanged."
    room.add("seat.accepted", {"seat": form.seat, "user": room.by.pk, "was": holder(room.state, form.seat)})
    return f"You are {label(form.seat)} now."


@act("seat-ends", _ending, SeatOnlyForm, "seat.ended", answers=_of_seat)
def seat_ends(room: Room, form: SeatOnlyForm) -> str:
    """Leave a seat, or end somebody's term; an IC who leaves without a successor starts the clock anew."""
    room.check("seat.ended", seat=form.seat)
    relieves = form.seat == "ic" and holder(room.state, "ic") != room.by.pk
    if relieves and not form.note:
        raise Refused(
            [
                Block(
                    "ROLE-35",
                    "Relieving the Incident Commander needs a reason. Write one line and send it again.",
                )
            ]
        )
    user = holder(room.state, form.seat)  # somebody: the guard `seat held` has just said so
    room.add("seat.ended", {"seat": form.seat, "user": user}, texts={"note": form.note})
    return f"The seat {label(form.seat)} is empty now."


@act("absences", _absence, AbsenceForm, "ic.away", "ic.back", answers=_of_the_ic)
def absences(room: Room, form: AbsenceForm) -> str:
    """Mark the IC away, so that the deputy or a manager answers for changes; or back."""
    room.check("ic.away")
    commander = holder(room.state, "ic")  # somebody: the guard `ic there` has just said so
    room.add("ic.away" if form.state == "away" else "ic.back", {"user": commander}, texts={"note": form.note})
    return (
        "The Incident Commander is marked away."
        if form.state == "away"
        else "The Incident Commander is back."
    )


@act("bridge", Right.OPEN_BRIDGE, BridgeForm, "bridge.opened")
def bridge(room: Room, form: BridgeForm) -> str:
    """Open the bridge: a link, a phone number or a room. There is one bridge an incident (GATE-17)."""
    room.check("bridge.opened")
    room.add("bridge.opened", {"by": "hand"}, texts={"link": form.link}, happened_at=form.happened_at)
    return "The bridge is open; everybody named is called to it."


@act("bridge-joins", Right.SEE_BRIDGE, EmptyForm, "bridge.joined")
def bridge_joins(room: Room, form: EmptyForm) -> str:
    """Say that you are on the bridge."""
    room.check("bridge.joined")
    opened = moment(room.state["bridge"] or Stamp(""))  # open: the guard `bridge open` has just said so
    if form.happened_at is not None and form.happened_at < opened:
        raise Invalid(
            fields={"happened_at": f"The bridge opened at {opened:%H:%M:%S} UTC. Choose a later time."}
        )
    room.add("bridge.joined", {"user": room.by.pk}, happened_at=form.happened_at)
    return "You are on the bridge."


@act("lead-notices", Right.TELL_LEAD, TextForm, "lead.told")
def lead_notices(room: Room, form: TextForm) -> str:
    """Record that the lead was told, by whatever way (CLK-05)."""
    room.check("lead.told")
    room.add("lead.told", {"by": "hand"}, texts={"text": form.text}, happened_at=form.happened_at)
    return "Noted: the lead was told."

"""Who holds which seat, who was called to it, and who is there."""

from typing import Any, cast

from incidents.protocol import occurrences
from incidents.protocol.definition import Protocol
from incidents.protocol.entries.handlers import handles
from incidents.protocol.match import NO_ACT
from incidents.protocol.state import Entry, OfferState, SeatState, State, force, holder


@handles("seat.claimed", "seat.named", "seat.accepted")
def _seated(protocol: Protocol, state: State, entry: Entry) -> None:
    p = entry.payload
    claimed = entry.kind != "seat.named" or p["user"] == entry.by
    held = SeatState(user=p["user"], since=entry.happened, seq=entry.seq, claimed=claimed, acked=claimed)
    before = state["seats"].get(p["seat"])
    hold(state, p["seat"], held)
    _left(protocol, state, p["seat"], before, entry)
    if p["seat"] == "ic":
        state.update({"acks": [], "relieved": None})
    if not claimed:
        _call(protocol, state, entry, p["user"])


def _call(protocol: Protocol, state: State, entry: Entry, user: int) -> None:
    """Naming is the call: one clock, `joined` once there is a bridge, else the seat's acknowledgement."""
    there = state["bridge"] is not None and str(user) not in state["joined"]
    kind = "joined" if there else "seat"
    occurrences.start(protocol, state, protocol.clock[kind], str(user), entry, again=True)


@handles("seat.ended")
def _seat_ended(protocol: Protocol, state: State, entry: Entry) -> None:
    gone = state["seats"].get(entry.payload["seat"])
    state["seats"] = {seat: held for seat, held in state["seats"].items() if seat != entry.payload["seat"]}
    _left(protocol, state, entry.payload["seat"], gone, entry)
    if entry.payload["seat"] == "ic" and gone is not None:
        # Ended by somebody else: a relief (ROLE-35), after which a manager may offer the seat.
        state["relieved"] = entry.by if entry.by not in (None, gone["user"]) else None


def _left(protocol: Protocol, state: State, seat: str, gone: SeatState | None, entry: Entry) -> None:
    """A seat has changed hands: who left owes nothing for it, and where somebody has taken it an offer of it is over."""
    if gone and not any(held["user"] == gone["user"] for held in state["seats"].values()):
        for kind in ("joined", "seat"):
            occurrences.end(protocol, state, protocol.clock[kind], str(gone["user"]), entry.happened)
    if seat in state["seats"]:
        withdraw_offer(state, seat)


@handles("seat.offered")
def _offered(protocol: Protocol, state: State, entry: Entry) -> None:
    offer = OfferState(to=entry.payload["user"], by=entry.by, seq=entry.seq)
    state["offers"] = {**state["offers"], entry.payload["seat"]: offer}


@handles("seat.declined")
def _declined(protocol: Protocol, state: State, entry: Entry) -> None:
    withdraw_offer(state, entry.payload["seat"])


@handles("seat.acknowledged")
def _seat_acknowledged(protocol: Protocol, state: State, entry: Entry) -> None:
    held = state["seats"].get(entry.payload["seat"])
    if held:
        hold(state, entry.payload["seat"], {**held, "acked": True})


@handles("ic.away")
def _away(protocol: Protocol, state: State, entry: Entry) -> None:
    if "ic" in state["seats"]:
        hold(state, "ic", {**state["seats"]["ic"], "away": True})


@handles("ic.back")
def _back(protocol: Protocol, state: State, entry: Entry) -> None:
    if "ic" in state["seats"]:
        hold(state, "ic", {**state["seats"]["ic"], "away": False})


@handles("ic.acknowledged")
def _ic_acknowledged(protocol: Protocol, state: State, entry: Entry) -> None:
    if entry.by is not None and entry.by not in state["acks"]:
        state["acks"] = [*state["acks"], entry.by]


@handles("bridge.opened")
def _bridge(protocol: Protocol, state: State, entry: Entry) -> None:
    if state["bridge"] is not None:
        return
    state["bridge"] = entry.happened
    for held in state["seats"].values():
        if not held["claimed"] and str(held["user"]) not in state["joined"]:
            called = max(entry.happened, held["since"])  # it may have been open before somebody was named
            occurrences.end(protocol, state, protocol.clock["seat"], str(held["user"]), called)
            occurrences.start(
                protocol, state, protocol.clock["joined"], str(held["user"]), entry, again=True, at=called
            )


@handles("bridge.joined")
def _joined(protocol: Protocol, state: State, entry: Entry) -> None:
    user = entry.payload["user"]
    state["joined"] = {**state["joined"], str(user): entry.happened}
    for seat, held in state["seats"].items():
        if held["user"] == user:
            hold(state, seat, {**held, "acked": True})


def withdraw_offer(state: State, seat: str) -> None:
    """The offer of a seat is over; those of other seats stand."""
    state["offers"] = {each: offer for each, offer in state["offers"].items() if each != seat}


def prune_offers(before: State, state: State) -> None:
    """An offer ends with the term of who made it: in a seat, as owner in charge, or as manager after a relief."""
    left = holder(before, "ic") if holder(before, "ic") != holder(state, "ic") else None
    state["offers"] = {
        seat: offer for seat, offer in state["offers"].items() if _stands(state, seat, offer["by"], left)
    }


def _stands(state: State, seat: str, by: int | None, left: int | None) -> bool:
    """`left` is whose term as IC this entry ended: what they offered as IC is over, their own other seat is not."""
    if by is None or by == holder(state, seat):
        return by is not None
    if by != left and any(held["user"] == by for held in state["seats"].values()):
        return True
    if holder(state, "ic") is not None:
        return False
    in_charge = force(state) in (3, 4) and by == state["owner"]
    return in_charge or (seat == "ic" and state["relieved"] is not None and by != left)


def present(state: State, entry: Entry) -> None:
    """Any act in a seat acknowledges it; any act of the IC ends the absence, but for saying that they are away."""
    if entry.kind in NO_ACT:
        return
    leaves = entry.kind == "ic.away"
    for seat, held in state["seats"].items():
        away = held.get("away", False) and not leaves
        if held["user"] != entry.by or (held["acked"] and not away):
            continue
        if held["seq"] == entry.seq and not held["claimed"]:
            continue
        hold(state, seat, {**held, "acked": True, "away": leaves and held.get("away", False)})


def hold(state: State, seat: str, held: Any) -> None:
    """Put what is now known of a seat's holder in the place of what was."""
    state["seats"] = {**state["seats"], seat: cast(SeatState, held)}

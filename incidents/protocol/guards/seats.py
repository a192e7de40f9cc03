"""Who may take, leave or be given a seat, and whose page still waits."""

from incidentdesk.kernel.errors import Block
from incidents.protocol.guards.asking import Ask, guard
from incidents.protocol.guards.times import clock_time
from incidents.protocol.state import holder, seat_kind
from incidents.sentences import seat_label
from people.rights import qualified


@guard("seat free")
def _seat_free(ask: Ask) -> Block | None:
    seat = ask.act.fields["seat"]
    held = ask.state["seats"].get(seat)
    if held is None:
        return None
    gate = "GATE-07" if seat == "ic" else "ROLE-02"
    if held["user"] == ask.act.by:
        return Block(gate, "You hold this seat already.")
    return Block(
        gate, "This seat is taken. Ask the holder to hand it over, or the Incident Commander to change it."
    )


@guard("qualified")
def _qualified(ask: Ask) -> Block | None:
    """GATE-19, for the person who claims a seat."""
    seat = ask.act.fields["seat"]
    if qualified(ask.act.roles, seat_kind(seat)):
        return None
    return Block("GATE-19", f"You are not qualified for the seat {seat_label(seat)}. Ask somebody who is to take it.")  # fmt: skip


@guard("own seat")
def _own_seat(ask: Ask) -> Block | None:
    if holder(ask.state, ask.act.fields["seat"]) == ask.act.by:
        return None
    return Block("ROLE-29", "You do not hold this seat, so it is not yours to answer for.")


@guard("ic there")
def _ic_there(ask: Ask) -> Block | None:
    if holder(ask.state, "ic") is not None:
        return None
    return Block("ROLE-04", "There is no Incident Commander now. Take the role or ask somebody to.")


@guard("bridge closed")
def _bridge_closed(ask: Ask) -> Block | None:
    if ask.state["bridge"] is None:
        return None
    return Block("GATE-17", "The bridge is open already. There is one bridge for one incident.")


@guard("bridge open")
def _bridge_open(ask: Ask) -> Block | None:
    if ask.state["bridge"] is not None:
        return None
    return Block("CMD-01", "No bridge is open yet. Open it from the room, then join.")


@guard("seat held")
def _seat_held(ask: Ask) -> Block | None:
    seat = ask.act.fields["seat"]
    if seat in ask.state["seats"] or (seat == "ic" and ask.act.kind == "seat.offered"):
        return None
    return Block("ROLE-01", "Nobody holds this seat now, so there is nothing to hand over or end.")


@guard("offered to me")
def _offered(ask: Ask) -> Block | None:
    offer = ask.state["offers"].get(ask.act.fields["seat"])
    if offer and offer["to"] == ask.act.by:
        return None
    return Block("ROLE-03", "This handover is not offered to you any more. The seat is unchanged.")


@guard("page waits")
def _page_waits(ask: Ask) -> Block | None:
    page = ask.state["pages"].get(str(ask.act.fields.get("page")))
    if page is None:
        return Block("ALR-04", "There is no such page on this incident.")
    if "acked" not in page:
        return None
    return Block(
        "ALR-04", f"This page was acknowledged at {clock_time(page['acked'])}. Nothing else is asked of you."
    )

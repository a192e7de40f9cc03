"""Who may take, leave or be given a seat, and whose page still waits."""

from incidentdesk.kernel.errors import Block
from incidents.protocol.guards.asking import Ask, guard
from incidents.protocol.guards.times import clock_time


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


@guard("seat held")
def _seat_held(ask: Ask) -> Block | None:
    if ask.act.fields["seat"] in ask.state["seats"]:
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

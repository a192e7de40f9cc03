"""What an update to an audience must promise."""

from incidentdesk.kernel.errors import Block
from incidentdesk.kernel.stamps import stamp
from incidents.protocol import clocks
from incidents.protocol.guards.asking import Ask, guard
from incidents.protocol.guards.times import clock_time
from incidents.protocol.state import ended, force


@guard("next time within cadence")
def _next_time(ask: Ask) -> Block | None:
    """CLK-15: the next time is named and cannot be later than the cadence allows."""
    promised = ask.act.fields.get("next")
    if ended(ask.state):
        return None
    limits = {}
    for clock in ask.protocol.clocks:
        limit = clock.limit(force(ask.state)) if clock.kind == "cadence" else None
        if limit is not None and clock.audience in ask.act.fields.get("to", ()):
            limits[clock.label] = clocks.after(ask.protocol, ask.state, clock, stamp(ask.now), limit)
    if not limits:
        return None
    latest = min(limits.values())
    if promised and stamp(ask.now) < promised <= latest:
        return None
    if promised and promised <= stamp(ask.now):
        return Block(
            "CLK-15", "The next update cannot be promised for a time that has passed. Your text is kept."
        )
    return Block(
        "CLK-15", f"The next update must be named, at {clock_time(latest)} or sooner. Your text is kept."
    )

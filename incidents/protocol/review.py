"""Until when the review of a resolved incident is held and published (CLK-36, RES-14)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from incidents.protocol import hours
from incidents.protocol.definition import Protocol
from incidents.protocol.state import State


def limit(protocol: Protocol, state: State, resolved: datetime) -> datetime:
    """The latest time of the review of an incident resolved at `resolved` (aware UTC): 48 h.

    With the setting `pir_weekend`, when those touch a day off, the later of them and closing time of the first working
    day after it, in the team's zone.
    """
    last = resolved + timedelta(seconds=protocol.figure("pir.hold") * state["minute"])
    if not state["options"].get("pir_weekend"):
        return last
    zone = ZoneInfo(state["zone"])
    day, off = last.astimezone(zone).date(), None
    while day >= resolved.astimezone(zone).date():
        if not hours.works(day, state["business"]):
            off = day
            break
        day -= timedelta(days=1)
    return last if off is None else max(last, _closing(off, state, zone))


def _closing(off: date, state: State, zone: ZoneInfo) -> datetime:
    """When the first working day after `off` ends."""
    day = off + timedelta(days=1)
    while not hours.works(day, state["business"]):
        day += timedelta(days=1)
    closes = time.fromisoformat(state["business"]["to"])
    return datetime.combine(day, closes, zone).astimezone(UTC)

"""What a mail says of a clock, made when it leaves: a time to come is due, a time past is named with how late it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from incidentdesk.kernel.stamps import Stamp, moment


@dataclass(frozen=True)
class DueClock:
    """A clock that a mail is about, and how many of it were missed right before."""

    label: str
    due: Stamp
    missed: int = 0


def clock_line(clock: DueClock, *, now: datetime) -> str:
    """What is so of one clock at `now` (aware UTC)."""
    due, label, missed = moment(clock.due), clock.label, clock.missed
    at = due.astimezone(UTC)
    day = "" if at.date() == now.astimezone(UTC).date() else f"{at:%Y-%m-%d} "
    if due > now:
        return f"{label}: due at {day}{at:%H:%M:%S} UTC."
    late = int((now - due).total_seconds() // 60)
    by = f", {late} min late" if late else ""
    again = f" {missed} missed before it." if missed else ""
    return f"{label}: overdue since {day}{at:%H:%M:%S} UTC{by}.{again}"


def body(payload: Mapping[str, Any], *, now: datetime) -> str:
    """The body of a mail about clocks: their lines as of now, ahead of the rest."""
    said = [clock_line(DueClock(**line), now=now) for line in payload["clocks"]]
    return "\n".join(said) + f"\n\n{payload['body']}"

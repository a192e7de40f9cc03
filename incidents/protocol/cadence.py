"""Roll-overs: what an update that was not sent in time owes next, and the occurrences that it missed.

Every function that changes a state works on one that `fold` has just copied: it may put new values into
`state["clocks"]`, and never changes a value that was there.
"""

import math

from incidentdesk.kernel.stamps import Stamp, moment
from incidents.protocol import hours
from incidents.protocol.clocks import after, in_hours, name, step_at
from incidents.protocol.definition import Clock, Protocol
from incidents.protocol.state import Entry, Occurrence, Past, Run, State


def rolls(
    protocol: Protocol, state: State, clock: Clock, now: Occurrence, at: Stamp, *, inclusive: bool
) -> tuple[int, Stamp]:
    """How often an unsent update has rolled over by `at`, and the due instant of the last one.

    An act at the instant of a roll-over comes before it, so acts ask without `inclusive`. Where a period lasts no time
    nothing rolls over: it would do so for ever.
    """
    roll = now.get("roll")
    if roll is None or roll <= now["due"] or roll > at or (roll == at and not inclusive):
        return 0, now["due"]
    if not in_hours(protocol, state, clock):
        period = now["minutes"] * state["minute"]
        if period <= 0:
            return 1, roll
        beyond = (moment(at) - moment(roll)).total_seconds() / period
        more = math.floor(beyond) if inclusive else math.ceil(beyond) - 1
        return 1 + more, hours.later(roll, more * now["minutes"], state["minute"])
    count, due = 1, roll
    while True:
        following = after(protocol, state, clock, due, now["minutes"])
        if following <= due or following > at or (following == at and not inclusive):
            return count, due
        count, due = count + 1, following


def rolled(protocol: Protocol, state: State, clock: Clock, run: Run, at: Stamp, *, inclusive: bool) -> Run:
    """The run with the roll-overs up to `at` settled: those occurrences are missed, the next is overdue."""
    now = run["now"]
    if now is None:
        return run
    count, due = rolls(protocol, state, clock, now, at, inclusive=inclusive)
    if not count:
        return run
    missed = as_past(now)
    missed.update({"ended": now["roll"]})
    if count > 1:
        missed["times"] = count
    fresh = Occurrence(
        n=now["n"] + count,
        anchor=now["anchor"],
        due=due,
        minutes=now["minutes"],
        fired=["remind"],
        told=[],
        roll=after(protocol, state, clock, due, now["minutes"]),
    )
    return Run(now=fresh, past=[*run["past"], missed])


def roll_over(protocol: Protocol, state: State, entry: Entry) -> None:
    """The tick's record of a roll-over; it only writes down what `read` says anyway."""
    key = name(entry.payload["clock"], entry.payload.get("subject", ""))
    clock = protocol.clock[entry.payload["clock"]]
    state["clocks"][key] = rolled(
        protocol, state, clock, state["clocks"][key], entry.recorded, inclusive=True
    )


def remind_at(clock: Clock, state: State, now: Occurrence) -> Stamp:
    """When the person who owes the update is reminded; the due instant where the protocol reminds nobody."""
    remind = clock.step_by_name.get("remind")
    return step_at(state, now, remind) if remind else now["due"]


def skip_reminders(clock: Clock, state: State, now: Occurrence, at: Stamp) -> None:
    """What would have reminded before `at`, when this occurrence began or got another due instant, is not made up for.

    Changes `now`, which must be new. At its very instant a reminder has not passed: acts come before what falls due.
    """
    for step in clock.steps:
        if step.do == "remind" and step.name not in now["fired"] and step_at(state, now, step) < at:
            now.update({"fired": [*now["fired"], step.name], "unreminded": True})


def reminded(clock: Clock, state: State, now: Occurrence, at: Stamp) -> bool:
    """Whether a text at `at` counts for MET: it was due by then, or the writer had been reminded of it."""
    return at >= now["due"] or ("unreminded" not in now and at > remind_at(clock, state, now))


def as_past(now: Occurrence) -> Past:
    """An occurrence that runs as one that is over; how it ended is for the caller to say."""
    past = Past(n=now["n"], anchor=now["anchor"], due=now["due"], minutes=now["minutes"])
    if "anew" in now:
        past["anew"] = True
    return past

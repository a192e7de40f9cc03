"""The clocks of a state: their names and hours, which run, and which instants wait for the tick."""

from collections.abc import Iterable

from incidentdesk.kernel.stamps import Stamp, moment
from incidents.protocol import hours
from incidents.protocol.definition import Clock, Protocol, Step
from incidents.protocol.state import Occurrence, State, force

Key = tuple[str, str, int, str]  # clock, subject, occurrence, step: fires once for ever
FROM_ALERT = "alert fired"  # the anchor of clocks that count from the alert, whenever the record was opened


def name(clock: str, subject: str) -> str:
    """The key of a run in `state["clocks"]`."""
    return f"{clock}/{subject}" if subject else clock


def split(key: str) -> tuple[str, str]:
    """Clock and subject of a run's key."""
    clock, _, subject = key.partition("/")
    return clock, subject


def in_hours(protocol: Protocol, state: State, clock: Clock) -> bool:
    """Whether a clock counts business minutes now (CLK-37)."""
    level = force(state)
    if clock.hours == "severity":
        return level is not None and protocol.severities[level].hours == "business"
    return clock.hours == "business"


def after(protocol: Protocol, state: State, clock: Clock, at: Stamp, minutes: float) -> Stamp:
    """`at` plus protocol minutes, in business hours where the clock keeps them."""
    if in_hours(protocol, state, clock):
        return hours.later_open(at, minutes, state["minute"], state["business"], state["zone"])
    return hours.later(at, minutes, state["minute"])


def lasted(protocol: Protocol, state: State, clock: Clock, start: Stamp, end: Stamp) -> float:
    """Seconds from `start` to `end` that the clock counts: those of business hours where it keeps them; 0 backwards."""
    if in_hours(protocol, state, clock):
        return hours.open_seconds(start, end, state["business"], state["zone"])
    return max(0.0, (moment(end) - moment(start)).total_seconds())


def live(state: State, clock: Clock) -> list[str]:
    """The subjects for which a clock runs now."""
    return [split(key)[1] for key, run in state["clocks"].items() if run["now"] and split(key)[0] == clock.id]


def window_runs(protocol: Protocol, state: State) -> bool:
    """Whether a stabilisation window is open or has passed; a bad sample starts it anew until somebody resolves."""
    return any(live(state, clock) for clock in protocol.clocks if clock.kind == "window")


def next_update(protocol: Protocol, state: State) -> Stamp | None:
    """When the next text to any audience is due; overdue ones included."""
    dues = [
        run["now"]["due"]
        for key, run in state["clocks"].items()
        if run["now"] is not None and protocol.clock[split(key)[0]].kind == "cadence"
    ]
    return min(dues, default=None)


def step_at(state: State, now: Occurrence, step: Step) -> Stamp:
    """When a step of an occurrence is to be done."""
    return hours.later(now["due"], step.at, state["minute"])


def deadlines(protocol: Protocol, state: State, keys: Iterable[str] | None = None) -> dict[Key, Stamp]:
    """Every step that waits for the tick, with its instant: the rows of the deadline table.

    `keys` narrows it to some runs.
    """
    waiting: dict[Key, Stamp] = {}
    for key in state["clocks"] if keys is None else keys:
        run = state["clocks"].get(key)
        now = run["now"] if run else None
        if now is None:
            continue
        clock, subject = split(key)
        for step in protocol.clock[clock].steps:
            if step.name not in now["fired"]:
                waiting[clock, subject, now["n"], step.name] = step_at(state, now, step)
        if now.get("roll", now["due"]) > now["due"]:
            waiting[clock, subject, now["n"], "roll"] = now["roll"]
    return waiting

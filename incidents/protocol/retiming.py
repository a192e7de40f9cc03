"""What is due anew when a fact under running clocks changes: the severity in force, or when the alert fired.

As in `occurrences`: new values into `state["clocks"]` and `state["waiting"]` of a state that `fold` has just copied.
"""

from typing import cast

from incidentdesk.kernel.stamps import Stamp
from incidents.protocol import paging
from incidents.protocol.cadence import rolled, skip_reminders
from incidents.protocol.clocks import FROM_ALERT, after, live, name, split
from incidents.protocol.definition import Clock, Protocol
from incidents.protocol.occurrences import begin, end, forget
from incidents.protocol.state import Occurrence, Past, Run, State, force


def reseverity(protocol: Protocol, state: State, old: int | None, at: Stamp) -> None:
    """Apply a changed severity in force to every clock (SEV-23); the state carries the new one."""
    new = force(state)
    if new in (1, 2):
        paging.send_waiting(state, at)
    as_it_was = cast(State, {**state, "severity": old})
    for clock in protocol.clocks:
        before, now = clock.limit(old), clock.limit(new)
        if clock.kind == "chain":
            before, now = None, paging.wait(protocol, state)
        for subject in live(state, clock):
            if clock.kind == "cadence":  # what rolled over until now did so by the old severity
                key = name(clock.id, subject)
                state["clocks"][key] = rolled(
                    protocol, as_it_was, clock, state["clocks"][key], at, inclusive=False
                )
            if now is None:
                end(protocol, state, clock, subject, at)
                state["waiting"] = [*state["waiting"], name(clock.id, subject)]
            elif before != now or clock.hours == "severity":
                _adjust(protocol, state, clock, subject, at, now)
        for key in [key for key in state["waiting"] if split(key)[0] == clock.id] if now is not None else []:
            forget(state, key)
            begin(protocol, state, clock, split(key)[1], at, anew=True)
            if clock.kind == "chain" and now is not None:
                _adjust(protocol, state, clock, split(key)[1], at, now)


def _adjust(protocol: Protocol, state: State, clock: Clock, subject: str, at: Stamp, minutes: float) -> None:
    """Another limit for a running clock."""
    key = name(clock.id, subject)
    run = state["clocks"][key]
    now = cast(Occurrence, dict(cast(Occurrence, run["now"])))
    change = _paging if clock.kind == "chain" else _update if clock.kind == "cadence" else _limit
    change(protocol, state, clock, now, at, minutes)
    skip_reminders(clock, state, now, at)
    state["clocks"][key] = Run(now=now, past=run["past"])


def _paging(
    protocol: Protocol, state: State, clock: Clock, now: Occurrence, at: Stamp, minutes: float
) -> None:
    """The chain's new wait counts from its last page, and is over now at the earliest."""
    last = paging.last_sent(state) or now["anchor"]
    now.update(
        {"anchor": last, "minutes": minutes, "due": max(at, after(protocol, state, clock, last, minutes))}
    )


def _update(
    protocol: Protocol, state: State, clock: Clock, now: Occurrence, at: Stamp, minutes: float
) -> None:
    """An update that is overdue keeps its due instant; another is due sooner, never later (SEV-23)."""
    if now["due"] < at:
        sooner = min(now.get("roll", now["due"]), after(protocol, state, clock, now["due"], minutes))
        now.update({"minutes": minutes, "roll": max(at, sooner)})
    else:
        due = max(at, min(now["due"], after(protocol, state, clock, now["anchor"], minutes)))
        now.update({"minutes": minutes, "due": due, "roll": after(protocol, state, clock, due, minutes)})


def _limit(
    protocol: Protocol, state: State, clock: Clock, now: Occurrence, at: Stamp, minutes: float
) -> None:
    """What has fallen due, or passed, by then stays as it is; what has not is due by the new limit, now at the earliest."""
    if now["due"] >= at:
        due = max(at, after(protocol, state, clock, now["anchor"], minutes))
        now.update({"minutes": minutes, "due": due})


def move_alert(protocol: Protocol, state: State, was: Stamp, at: Stamp) -> None:
    """A corrected alert (INC-03): what counted from it is due anew, and its readings follow.

    Clocks that count from a later upgrade (SEV-23) stay.
    """
    for key, run in list(state["clocks"].items()):
        clock = protocol.clock[split(key)[0]]
        if clock.anchor != FROM_ALERT:
            continue
        now = run["now"]
        if now is not None and now["anchor"] == was and "anew" not in now:
            now = cast(Occurrence, dict(now))
            now.update({"anchor": at, "due": after(protocol, state, clock, at, now["minutes"])})
        past = [
            cast(Past, {**each, "anchor": at, "due": after(protocol, state, clock, at, each["minutes"])})
            if each["anchor"] == was and "anew" not in each
            else each
            for each in run["past"]
        ]
        state["clocks"][key] = Run(now=now, past=past)

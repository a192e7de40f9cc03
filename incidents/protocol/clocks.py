"""How entries start, meet, restart and end clocks; which instants wait for the tick.

Every function here works on a state that `fold` has just copied: it may put new values into `state["clocks"]`,
`state["waiting"]` and `state["prior"]`, and never changes a value that was there.
"""

import math
from collections.abc import Iterable
from typing import cast

from incidentdesk.kernel.stamps import Stamp, moment
from incidents.protocol import hours, paging
from incidents.protocol.definition import Clock, Protocol, Step
from incidents.protocol.match import fits, subjects
from incidents.protocol.state import Entry, Occurrence, Past, Run, Stamped, State, ended, force

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


def touch(protocol: Protocol, state: State, entry: Entry) -> None:
    """Let one entry end, meet, restart and start what it can, in that order."""
    concerned = protocol.interest.get(entry.kind, ())
    if entry.by is not None:
        concerned = (*concerned, *protocol.interest.get("*", ()))
    for clock in concerned:
        if any(fits(pattern, entry, state) for pattern in clock.ends):
            if clock.kind == "chain" and not paging.acknowledged(state):
                continue  # a page by hand was answered; the chain's own still wait
            for subject in subjects(clock, entry):
                end(protocol, state, clock, subject, entry.happened)
        for subject in _met(state, clock, entry):
            meet(protocol, state, clock, subject, entry)
        again = any(fits(pattern, entry, state) for pattern in clock.again)
        if again or any(fits(pattern, entry, state) for pattern in clock.starts):
            for subject in subjects(clock, entry):
                start(protocol, state, clock, subject, entry, again=again)


def _met(state: State, clock: Clock, entry: Entry) -> list[str]:
    """The subjects whose clock this entry meets; a pattern with `by=subject` speaks of its author alone."""
    found: dict[str, None] = {}
    for pattern in clock.meets:
        if fits(pattern, entry, state):
            own = any(name == "by" for name, _ in pattern.where)
            found.update(dict.fromkeys([str(entry.by)] if own else subjects(clock, entry)))
    return list(found)


def _live(state: State, clock: Clock) -> list[str]:
    return [split(key)[1] for key, run in state["clocks"].items() if run["now"] and split(key)[0] == clock.id]


def start(
    protocol: Protocol, state: State, clock: Clock, subject: str, entry: Entry, *, again: bool = False
) -> None:
    """Start a clock at an entry, unless it has run; `again` opens another occurrence.

    After the resolve nothing starts, nor does a clock whose time is over once its `before` has been reached.
    """
    if ended(state) or clock.before in state["milestones"]:
        return
    key = name(clock.id, subject)
    run = state["clocks"].get(key)
    at = _anchor(state, clock, entry)
    if clock.kind == "window":
        if again and not (run and run["now"]):
            return
        if run and run["now"]:
            end(protocol, state, clock, subject, at)
    elif clock.kind == "chain":
        if run and run["now"]:
            end(protocol, state, clock, subject, at)
    elif run and (run["now"] or (run["past"] and not again and clock.kind != "cadence")):
        return
    _begin(protocol, state, clock, subject, at)


def _anchor(state: State, clock: Clock, entry: Entry) -> Stamp:
    """What a clock counts from. A page that waits for working hours counts from its sending."""
    if clock.anchor == FROM_ALERT:
        return state["alert"]
    if entry.kind == "page.sent" and "at" in entry.payload:
        return cast(Stamp, entry.payload["at"])
    return entry.recorded if clock.kind in ("window", "chain") else entry.happened


def _begin(protocol: Protocol, state: State, clock: Clock, subject: str, at: Stamp) -> None:
    key = name(clock.id, subject)
    limit = paging.wait(protocol, state) if clock.kind == "chain" else clock.limit(force(state))
    if limit is None:
        if key not in state["waiting"]:
            state["waiting"] = [*state["waiting"], key]
        return
    run = state["clocks"].get(key) or Run(now=None, past=[])
    n = 1 + max((past["n"] + past.get("times", 1) - 1 for past in run["past"]), default=0)
    due = after(protocol, state, clock, at, limit)
    now = Occurrence(n=n, anchor=at, due=due, minutes=limit, fired=[], told=[])
    if clock.kind == "cadence":
        now["roll"] = after(protocol, state, clock, due, limit)
    done = state["prior"].get(clock.id) if not run["past"] else None
    if done:
        past = Past(
            n=n, anchor=at, due=due, minutes=limit, met=max(at, done["at"]), entered=at, seq=done["seq"]
        )
        state["clocks"][key] = Run(now=None, past=[past])
    else:
        state["clocks"][key] = Run(now=now, past=run["past"])


def meet(protocol: Protocol, state: State, clock: Clock, subject: str, entry: Entry) -> None:
    """An act that the clock waits for; for a cadence it also starts the next occurrence."""
    key = name(clock.id, subject)
    run = state["clocks"].get(key)
    if run is None or run["now"] is None:
        if clock.kind == "each":
            _forget(state, key)
        if clock.prior and clock.id not in state["prior"]:
            state["prior"] = {**state["prior"], clock.id: Stamped(at=entry.happened, seq=entry.seq)}
        return
    at = entry.happened
    if clock.kind == "cadence":
        run = rolled(protocol, state, clock, run, at, inclusive=False)
    now = cast(Occurrence, run["now"])
    past = _past(now)
    past.update({"met": at, "entered": entry.recorded, "seq": entry.seq})
    if clock.kind == "cadence" and at >= _remind_at(clock, state, now):
        past["reminded"] = True
    state["clocks"][key] = Run(now=None, past=[*run["past"], past])
    if clock.kind == "cadence":
        _next_update(protocol, state, clock, key, entry, now)


def _next_update(
    protocol: Protocol, state: State, clock: Clock, key: str, entry: Entry, last: Occurrence
) -> None:
    """The occurrence after a sent text: due by the cadence, sooner where a text promised so (COM-05)."""
    _begin(protocol, state, clock, "", entry.happened)
    now = state["clocks"][key]["now"]
    if now is None:
        return
    if clock.audience in entry.payload["to"]:
        promised = entry.payload.get("next")
    else:
        promised = last.get("promised")
        if promised is not None and promised <= entry.happened:
            promised = None
    if promised is not None:
        due = min(now["due"], promised)
        now.update(
            {"due": due, "promised": promised, "roll": after(protocol, state, clock, due, now["minutes"])}
        )


def _remind_at(clock: Clock, state: State, now: Occurrence) -> Stamp:
    remind = clock.step_by_name.get("remind")
    return hours.later(now["due"], remind.at, state["minute"]) if remind else now["due"]


def _past(now: Occurrence) -> Past:
    return Past(n=now["n"], anchor=now["anchor"], due=now["due"], minutes=now["minutes"])


def end(protocol: Protocol, state: State, clock: Clock, subject: str, at: Stamp) -> None:
    """The clock's reason falls away at `at`: void before it was due, missed after (`decisions`: Time)."""
    key = name(clock.id, subject)
    _forget(state, key)
    run = state["clocks"].get(key)
    if run is None or run["now"] is None:
        return
    if clock.kind == "cadence":
        run = rolled(protocol, state, clock, run, at, inclusive=False)
    now = cast(Occurrence, run["now"])
    past = _past(now)
    past["ended"] = at
    state["clocks"][key] = Run(now=None, past=[*run["past"], past])


def _forget(state: State, key: str) -> None:
    """A clock that the severity did not allow is no longer wanted either."""
    if key in state["waiting"]:
        state["waiting"] = [each for each in state["waiting"] if each != key]


def end_all(protocol: Protocol, state: State, entry: Entry) -> None:
    """Resolved or closed: nothing more is owed; a window that has run out is met at its end."""
    for key, run in list(state["clocks"].items()):
        now = run["now"]
        if now is None:
            continue
        clock, subject = split(key)
        kind = protocol.clock[clock]
        if kind.kind == "window" and now["due"] <= entry.recorded:
            past = _past(now)
            past.update({"met": now["due"], "entered": entry.recorded, "seq": entry.seq})
            state["clocks"][key] = Run(now=None, past=[*run["past"], past])
        else:
            end(protocol, state, kind, subject, entry.happened)
    state["waiting"] = []


def rolls(
    protocol: Protocol, state: State, clock: Clock, now: Occurrence, at: Stamp, *, inclusive: bool
) -> tuple[int, Stamp]:
    """How often an unsent update has rolled over by `at`, and the due instant of the last one.

    An act at the instant of a roll-over comes before it, so acts ask without `inclusive`.
    """
    roll = now["roll"]
    if roll > at or (roll == at and not inclusive):
        return 0, now["due"]
    if not in_hours(protocol, state, clock):
        period = now["minutes"] * state["minute"]
        beyond = (moment(at) - moment(roll)).total_seconds() / period
        more = math.floor(beyond) if inclusive else math.ceil(beyond) - 1
        return 1 + more, hours.later(roll, more * now["minutes"], state["minute"])
    count, due = 1, roll
    while True:
        following = after(protocol, state, clock, due, now["minutes"])
        if following > at or (following == at and not inclusive):
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
    missed = _past(now)
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


def done(state: State, entry: Entry) -> None:
    """A step that the tick has carried out: it never fires again, and whom it told is not told twice."""
    key = name(entry.payload["clock"], entry.payload["subject"])
    run = state["clocks"].get(key)
    now = run["now"] if run else None
    if run is None or now is None or now["n"] != entry.payload["n"]:
        return
    fresh = cast(Occurrence, dict(now))
    fresh["fired"] = [*now["fired"], entry.payload["step"]]
    if (
        entry.payload.get("do") != "remind"
    ):  # who was reminded before it was due still hears that it is overdue
        fresh["told"] = [*now["told"], *(each for each in entry.payload["to"] if each not in now["told"])]
    state["clocks"][key] = Run(now=fresh, past=run["past"])


def reseverity(protocol: Protocol, state: State, old: int | None, at: Stamp) -> None:
    """Apply a changed severity in force to every clock (SEV-23); the state carries the new one."""
    new = force(state)
    as_it_was = cast(State, {**state, "severity": old})
    for clock in protocol.clocks:
        before, now = clock.limit(old), clock.limit(new)
        if clock.kind == "chain":
            before, now = None, paging.wait(protocol, state)
        for subject in _live(state, clock):
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
            _forget(state, key)
            _begin(protocol, state, clock, split(key)[1], at)


def _adjust(protocol: Protocol, state: State, clock: Clock, subject: str, at: Stamp, minutes: float) -> None:
    """Another limit for a running clock."""
    key = name(clock.id, subject)
    run = state["clocks"][key]
    now = cast(Occurrence, dict(cast(Occurrence, run["now"])))
    if clock.kind != "cadence":
        due = after(protocol, state, clock, now["anchor"], minutes)
        now.update({"minutes": minutes, "due": max(at, due) if clock.kind == "chain" else due})
    elif now["due"] <= at:
        sooner = min(now["roll"], after(protocol, state, clock, now["due"], minutes))
        now.update({"minutes": minutes, "roll": max(at, sooner)})
    else:
        due = max(at, min(now["due"], after(protocol, state, clock, now["anchor"], minutes)))
        now.update({"minutes": minutes, "due": due, "roll": after(protocol, state, clock, due, minutes)})
        if _remind_at(clock, state, now) <= at:
            now["fired"] = [*now["fired"], "remind"]
    state["clocks"][key] = Run(now=now, past=run["past"])


def move_alert(protocol: Protocol, state: State, was: Stamp, at: Stamp) -> None:
    """A corrected alert (INC-03): what counted from it is due anew, and its readings follow.

    Clocks that count from a later upgrade (SEV-23) stay.
    """
    for key, run in list(state["clocks"].items()):
        clock = protocol.clock[split(key)[0]]
        if clock.anchor != FROM_ALERT:
            continue
        now = run["now"]
        if now is not None and now["anchor"] == was:
            now = cast(Occurrence, dict(now))
            now.update({"anchor": at, "due": after(protocol, state, clock, at, now["minutes"])})
        past = [
            cast(Past, {**each, "anchor": at, "due": after(protocol, state, clock, at, each["minutes"])})
            if each["anchor"] == was
            else each
            for each in run["past"]
        ]
        state["clocks"][key] = Run(now=now, past=past)


def window_runs(protocol: Protocol, state: State) -> bool:
    """Whether a stabilisation window is open or has passed; a bad sample starts it anew until somebody resolves."""
    return any(_live(state, clock) for clock in protocol.clocks if clock.kind == "window")


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
        if "roll" in now:
            waiting[clock, subject, now["n"], "roll"] = now["roll"]
    return waiting

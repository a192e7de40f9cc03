"""How entries start, meet, restart and end clocks.

Every function here works on a state that `fold` has just copied: it may put new values into `state["clocks"]`,
`state["waiting"]` and `state["prior"]`, and never changes a value that was there.
"""

from typing import cast

from incidentdesk.kernel.stamps import Stamp
from incidents.protocol import paging
from incidents.protocol.cadence import as_past, remind_at, rolled
from incidents.protocol.clocks import FROM_ALERT, after, name, split
from incidents.protocol.definition import Clock, Protocol
from incidents.protocol.match import fits, subjects
from incidents.protocol.state import Entry, Occurrence, Past, Run, Stamped, State, ended, force


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
    begin(protocol, state, clock, subject, at)


def _anchor(state: State, clock: Clock, entry: Entry) -> Stamp:
    """What a clock counts from. A page that waits for working hours counts from its sending."""
    if clock.anchor == FROM_ALERT:
        return state["alert"]
    if entry.kind == "page.sent" and "at" in entry.payload:
        return cast(Stamp, entry.payload["at"])
    return entry.recorded if clock.kind in ("window", "chain") else entry.happened


def begin(protocol: Protocol, state: State, clock: Clock, subject: str, at: Stamp) -> None:
    """Open an occurrence anchored at `at`; where the severity has no limit for the clock, it waits for one that has."""
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
            forget(state, key)
        if clock.prior and clock.id not in state["prior"]:
            state["prior"] = {**state["prior"], clock.id: Stamped(at=entry.happened, seq=entry.seq)}
        return
    at = entry.happened
    if clock.kind == "cadence":
        run = rolled(protocol, state, clock, run, at, inclusive=False)
    now = cast(Occurrence, run["now"])
    past = as_past(now)
    past.update({"met": at, "entered": entry.recorded, "seq": entry.seq})
    if clock.kind == "cadence" and at >= remind_at(clock, state, now):
        past["reminded"] = True
    state["clocks"][key] = Run(now=None, past=[*run["past"], past])
    if clock.kind == "cadence":
        _next_update(protocol, state, clock, key, entry, now)


def _next_update(
    protocol: Protocol, state: State, clock: Clock, key: str, entry: Entry, last: Occurrence
) -> None:
    """The occurrence after a sent text: due by the cadence, sooner where a text promised so (COM-05)."""
    begin(protocol, state, clock, "", entry.happened)
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


def end(protocol: Protocol, state: State, clock: Clock, subject: str, at: Stamp) -> None:
    """The clock's reason falls away at `at`: void before it was due, missed after (`decisions`: Time)."""
    key = name(clock.id, subject)
    forget(state, key)
    run = state["clocks"].get(key)
    if run is None or run["now"] is None:
        return
    if clock.kind == "cadence":
        run = rolled(protocol, state, clock, run, at, inclusive=False)
    now = cast(Occurrence, run["now"])
    past = as_past(now)
    past["ended"] = at
    state["clocks"][key] = Run(now=None, past=[*run["past"], past])


def forget(state: State, key: str) -> None:
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
            past = as_past(now)
            past.update({"met": now["due"], "entered": entry.recorded, "seq": entry.seq})
            state["clocks"][key] = Run(now=None, past=[*run["past"], past])
        else:
            end(protocol, state, kind, subject, entry.happened)
    state["waiting"] = []


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

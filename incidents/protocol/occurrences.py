"""How entries start, meet, restart and end clocks.

Every function here works on a state that `fold` has just copied: it may put new values into `state["clocks"]`,
`state["waiting"]` and `state["prior"]`, and never changes a value that was there.
"""

from typing import cast

from incidentdesk.kernel.stamps import Stamp
from incidents.protocol import paging
from incidents.protocol.cadence import as_past, reminded, rolled, skip_reminders
from incidents.protocol.clocks import FROM_ALERT, after, name, split
from incidents.protocol.definition import Clock, Protocol
from incidents.protocol.late import end_sooner, entered_late, meet_sooner
from incidents.protocol.match import fits, heard, subjects
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
                fall_away(protocol, state, clock, subject, entry)
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
    protocol: Protocol, state: State, clock: Clock, subject: str, entry: Entry, *, again: bool = False,
    at: Stamp | None = None,
) -> None:  # fmt: skip
    """Start a clock at an entry, unless it has run; `again` opens another occurrence. `at` is its anchor, else the entry's.

    After the resolve nothing starts, nor does a clock whose time is over once its `before` has been reached.
    """
    if again and clock.id in state["prior"]:  # what was done before does not answer what is asked anew
        state["prior"] = {each: done for each, done in state["prior"].items() if each != clock.id}
    at = at or _anchor(state, clock, entry)
    over = state["milestones"].get(clock.before)
    if ended(state) or (over is not None and over["at"] <= at):
        return
    key = name(clock.id, subject)
    run = state["clocks"].get(key)
    running = run is not None and run["now"] is not None
    if clock.kind == "window":
        if again and not running:
            return
        end(protocol, state, clock, subject, entry.recorded)
    elif clock.kind == "chain":
        end(protocol, state, clock, subject, entry.recorded)
    elif run and (running or (run["past"] and not again and clock.kind != "cadence")):
        if clock.kind == "once" and not again:
            _count_from(protocol, state, clock, key, at)
        return
    begin(protocol, state, clock, subject, at, anew=again)
    if over is not None:  # entered after the clock had been overtaken, of a time when it had not
        _met_by(state, key, over)


def _anchor(state: State, clock: Clock, entry: Entry) -> Stamp:
    """What a clock counts from. A page that waits for working hours counts from its sending."""
    if clock.anchor == FROM_ALERT:
        return state["alert"]
    if entry.kind == "page.sent" and "at" in entry.payload:
        return cast(Stamp, entry.payload["at"])
    return _when(clock, entry)


def _when(clock: Clock, entry: Entry) -> Stamp:
    """When an entry counts for a clock: windows and the chain go by what was recorded."""
    return entry.recorded if clock.kind in ("window", "chain") else entry.happened


def _count_from(protocol: Protocol, state: State, clock: Clock, key: str, at: Stamp) -> None:
    """Its first start turns out to have been sooner than the one that was entered first."""
    run = state["clocks"][key]
    first = run["past"][0] if run["past"] else cast(Occurrence, run["now"])
    if first["anchor"] <= at or "anew" in first:
        return
    moved = {**first, "anchor": at, "due": after(protocol, state, clock, at, first["minutes"])}
    done = state["prior"].get(clock.id)
    if (
        done is not None and first.get("seq") == done["seq"]
    ):  # it was met at once, by what had been done before it
        moved["met"] = max(at, done["at"])
    if run["past"]:
        state["clocks"][key] = Run(now=run["now"], past=[cast(Past, moved), *run["past"][1:]])
    else:
        state["clocks"][key] = Run(now=cast(Occurrence, moved), past=[])


def _met_by(state: State, key: str, done: Stamped) -> None:
    run = state["clocks"].get(key)
    if run is not None and run["now"] is not None:
        past = as_past(run["now"])
        past.update({"met": done["at"], "seq": done["seq"]})
        state["clocks"][key] = Run(now=None, past=[*run["past"], past])


def begin(
    protocol: Protocol, state: State, clock: Clock, subject: str, at: Stamp, *, anew: bool = False
) -> None:
    """Open an occurrence anchored at `at`; where the severity has no limit for the clock, it waits for one that has.

    What was done before it meets it at once, if nothing has asked for it anew since (decisions: Before its clock).
    """
    key = name(clock.id, subject)
    limit = paging.wait(protocol, state) if clock.kind == "chain" else clock.limit(force(state))
    if limit is None:
        if key not in state["waiting"]:
            state["waiting"] = [*state["waiting"], key]
        return
    run = state["clocks"].get(key) or Run(now=None, past=[])
    now = occurrence(protocol, state, clock, _next_number(run), at, limit)
    if anew:
        now["anew"] = True
    done = state["prior"].get(clock.id)
    if done:
        past = as_past(now)
        past.update({"met": max(at, done["at"]), "seq": done["seq"]})
        state["clocks"][key] = Run(now=None, past=[*run["past"], past])
    else:
        state["clocks"][key] = Run(now=now, past=run["past"])


def _next_number(run: Run) -> int:
    return 1 + max((past["n"] + past.get("times", 1) - 1 for past in run["past"]), default=0)


def occurrence(
    protocol: Protocol, state: State, clock: Clock, n: int, at: Stamp, minutes: float, *, by: Stamp | None = None
) -> Occurrence:  # fmt: skip
    """An occurrence that begins at `at`, due after `minutes`, or at `by` where that is sooner."""
    due = after(protocol, state, clock, at, minutes)
    if by is not None:
        due = min(due, by)
    now = Occurrence(n=n, anchor=at, due=due, minutes=minutes, fired=[], told=[])
    if clock.kind == "cadence":
        now["roll"] = after(protocol, state, clock, due, minutes)
    skip_reminders(clock, state, now, at)
    return now


def meet(protocol: Protocol, state: State, clock: Clock, subject: str, entry: Entry) -> None:
    """An act that the clock waits for; for a cadence it also starts the next occurrence."""
    key = name(clock.id, subject)
    run = state["clocks"].get(key)
    if (
        run is not None
        and run["past"]
        and entered_late(clock, entry)
        and meet_sooner(state, clock, key, entry)
    ):
        run = state["clocks"][key]
        forget(state, key)
    if run is None or run["now"] is None:
        if clock.kind == "each":
            forget(state, key)
        if clock.prior and clock.id not in state["prior"]:
            state["prior"] = {**state["prior"], clock.id: Stamped(at=entry.happened, seq=entry.seq)}
        return
    if clock.kind == "cadence":
        run = rolled(protocol, state, clock, run, entry.happened, inclusive=False)
    now = cast(Occurrence, run["now"])
    past = as_past(now)
    past.update({"met": max(entry.happened, min(now["anchor"], entry.recorded)), "seq": entry.seq})
    if entry.happened < entry.recorded:
        past["entered"] = entry.recorded
    if clock.kind == "cadence" and reminded(clock, state, now, entry.happened):
        past["reminded"] = True
    state["clocks"][key] = Run(now=None, past=[*run["past"], past])
    if clock.kind == "cadence":
        _next_update(protocol, state, clock, key, entry, now)


def _next_update(
    protocol: Protocol, state: State, clock: Clock, key: str, entry: Entry, last: Occurrence
) -> None:
    """The occurrence after a sent text: due by the cadence, sooner where a text promised so (COM-05)."""
    limit = clock.limit(force(state))
    if limit is None:
        begin(protocol, state, clock, "", entry.happened)
        return
    if clock.audience in heard(entry):
        promised = entry.payload.get("next")
    else:
        promised = last.get("promised")
        if promised is not None and promised <= entry.happened:
            promised = None
    run = state["clocks"][key]
    now = occurrence(protocol, state, clock, _next_number(run), entry.happened, limit, by=promised)
    if promised is not None:
        now["promised"] = promised
    state["clocks"][key] = Run(now=now, past=run["past"])


def fall_away(protocol: Protocol, state: State, clock: Clock, subject: str, entry: Entry) -> None:
    """The reason of a clock falls away with an entry; one entered late corrects what ended after it happened."""
    key = name(clock.id, subject)
    run = state["clocks"].get(key)
    if run is not None and run["past"] and entered_late(clock, entry):
        end_sooner(state, key, entry)
    at = _when(clock, entry)
    if run is not None and run["now"] is not None:  # nothing ends before it has begun
        at = max(at, min(run["now"]["anchor"], entry.recorded))
    end(protocol, state, clock, subject, at)


def end(protocol: Protocol, state: State, clock: Clock, subject: str, at: Stamp) -> None:
    """The clock's reason falls away at `at`: void before it was due, missed after (`decisions`: Time).

    A window that had passed by then stays met; at its very end the act comes first.
    """
    key = name(clock.id, subject)
    forget(state, key)
    run = state["clocks"].get(key)
    if run is None or run["now"] is None:
        return
    if clock.kind == "cadence":
        run = rolled(protocol, state, clock, run, at, inclusive=False)
    now = cast(Occurrence, run["now"])
    past = as_past(now)
    if clock.kind == "window" and now["due"] < at:
        past["met"] = now["due"]
    else:
        past["ended"] = at
    state["clocks"][key] = Run(now=None, past=[*run["past"], past])


def forget(state: State, key: str) -> None:
    """A clock that the severity did not allow is no longer wanted either."""
    if key in state["waiting"]:
        state["waiting"] = [each for each in state["waiting"] if each != key]


def end_all(protocol: Protocol, state: State, entry: Entry) -> None:
    """Resolved or closed: nothing more is owed; a window that has run out, also just now, is met at its end."""
    for key, run in list(state["clocks"].items()):
        now = run["now"]
        if now is None:
            continue
        clock, subject = split(key)
        kind = protocol.clock[clock]
        if kind.kind == "window" and now["due"] <= entry.recorded:
            _met_by(state, key, Stamped(at=now["due"], seq=entry.seq))
        else:
            end(protocol, state, kind, subject, _when(kind, entry))
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

"""A run as text for people and as JSON for programs."""

from collections.abc import Iterator
from typing import Any

from desk.replay.driver import Done, Run
from desk.replay.standing import Line, Named, Standing
from desk.replay.times import Calendar
from desk.replay.verdict import describe
from incidentdesk.kernel.stamps import stamp
from incidents.protocol import Protocol

BY_THE_DESK = ("clock.step", "clock.rolled", "page.sent", "status.moved")
WARNED = "warned: "  # begins a line under its act, without time and actor


def as_text(run: Run) -> str:
    """Each act's result among what the desk did by itself, then how everything stands at the end, then the verdict."""
    calendar = run.scenario.calendar
    lines = [f"{run.scenario.name}, {calendar.day} {calendar.zone.key}", ""]
    lines += _story(run)
    for key, end in run.ends.items():
        lines += ["", f"{key} {run.titles[key]}", *_standing(end, calendar)]
    lines += ["", *_verdict(run)]
    return "\n".join(lines) + "\n"


def _story(run: Run) -> Iterator[str]:
    """Acts and the desk's own entries in the order of their times; at one instant acts come first."""
    told = [
        (done.step.at, 0, number, (done.step.actor, said))
        for number, done in enumerate(run.steps)
        for said in _step(done)
    ]
    own = [
        (line.at, 1, number, ("desk", _own(run.protocol, line)))
        for end in run.ends.values()
        for number, line in enumerate(end.entries)
        if line.actor == "desk" and line.kind in BY_THE_DESK
    ]
    rows = sorted(told + own, key=lambda row: row[:3])
    times = [run.scenario.calendar.words(at) for at, *_ in rows]
    beside_time = max([8, *map(len, times)]) + 1
    beside_actor = max([10, *(len(actor) for *_, (actor, _) in rows)]) + 2
    for time, (*_, (actor, said)) in zip(times, rows, strict=True):
        warning = said.startswith(WARNED)
        yield f"{'' if warning else time:<{beside_time}}{'' if warning else actor:<{beside_actor}}{said}"


def _step(done: Done) -> Iterator[str]:
    step = done.step
    gates = f" by {', '.join(done.gates)}" if done.gates else ""
    mark = "  <- not as expected" if done.problem else ""
    yield f"{step.act}: {done.outcome}{gates}. {done.sentence}{mark}"
    yield from (f"{WARNED}{warning}" for warning in done.warnings)


def _own(protocol: Protocol, line: Line) -> str:
    p = line.payload
    if line.kind == "clock.step":
        return f"{protocol.clock[p['clock']].label}: {p['step'].replace('_', ' ')}, {len(p['to'])} told"
    if line.kind == "clock.rolled":
        return f"{protocol.clock[p['clock']].label}: {p['missed']} missed, the next is overdue"
    if line.kind == "status.moved":
        return f"status {p['from']} to {p['to']}"
    return f"paged {len(p['pages'])}"


def _standing(end: Standing, calendar: Calendar) -> Iterator[str]:
    severity = f"SEV-{end.severity}" if end.severity else "not declared"
    since = (
        f" (not declared stands from {calendar.words(end.not_declared_since)})"
        if end.not_declared_since
        else ""
    )
    yield f"at {calendar.words(end.at)}: {end.status}, {severity}{since}, IC {end.ic or 'nobody'}, owner {end.owner or 'nobody'}"
    yield "Clocks"
    for named in end.readings:
        yield f"  {_title(named):<32}{describe(named, calendar)}"
    yield "Milestones"
    for name, at in sorted(end.milestones.items(), key=lambda pair: pair[1]):
        yield f"  {name.replace('_', ' '):<32}{calendar.words(at)}"
    yield "Durations from the alert, minutes"
    for name, minutes in end.durations.items():
        yield f"  {name:<32}{minutes:g}"
    yield f"  {'impact':<32}{end.impact_minutes:g} (first start to last end {end.impact_duration:g})"
    yield f"  {'detection delay':<32}{end.detection_delay:g}"
    failed = [mark for mark in end.marks if not mark.met]
    yield f"Marks: {len(end.marks) - len(failed)} of {len(end.marks)}"
    for mark in failed:
        proof = f" (entries {', '.join(map(str, mark.seqs))})" if mark.seqs else ""
        yield f"  not met: {mark.text}, {mark.id}{proof}"
    if end.unauthorised:
        yield f"  changes without approval: {', '.join(map(str, end.unauthorised))}"


def _title(named: Named) -> str:
    subject = f", {named.subject}" if named.subject else ""
    return f"{named.reading.label}{subject}" + (f" {named.n}." if named.n > 1 else "")


def _verdict(run: Run) -> Iterator[str]:
    if run.ok:
        yield "Everything came as expected." + ("" if run.kept else " Nothing was kept.")
        return
    yield f"{len(run.failures)} not as expected:"
    yield from (f"  {failure}" for failure in run.failures)


def as_json(run: Run) -> dict[str, Any]:
    """The same as plain values: moments are UTC stamps, spans are minutes. docs/scenarios.md describes it."""
    return {
        "name": run.scenario.name,
        "ok": run.ok,
        "kept": run.kept,
        "failures": run.failures,
        "steps": [_step_json(done) for done in run.steps],
        "incidents": [
            {"key": key, "title": run.titles[key], **_standing_json(end)} for key, end in run.ends.items()
        ],
    }


def _step_json(done: Done) -> dict[str, Any]:
    step = done.step
    return {
        "number": step.number, "line": step.line, "at": stamp(step.at), "actor": step.actor, "act": step.act,
        "expected": step.expect or "done", "outcome": done.outcome, "sentence": done.sentence, "gates": list(done.gates),
        "warnings": list(done.warnings), "ok": not done.problem,
    }  # fmt: skip


def _standing_json(end: Standing) -> dict[str, Any]:
    return {
        "at": stamp(end.at),
        "status": end.status,
        "severity": end.severity,
        "ic": end.ic,
        "owner": end.owner,
        "not_declared_since": stamp(end.not_declared_since) if end.not_declared_since else None,
        "readings": [_reading_json(named) for named in end.readings],
        "milestones": {name: stamp(at) for name, at in end.milestones.items()},
        "durations": dict(end.durations),
        "impact_minutes": end.impact_minutes,
        "impact_duration": end.impact_duration,
        "detection_delay": end.detection_delay,
        "unauthorised": list(end.unauthorised),
        "marks": [{"id": m.id, "text": m.text, "met": m.met, "entries": list(m.seqs)} for m in end.marks],
        "entries": [
            {
                "kind": line.kind,
                "actor": line.actor,
                "at": stamp(line.at),
                "minute": line.minute,
                "payload": dict(line.payload),
            }
            for line in end.entries
        ],
    }


def _reading_json(named: Named) -> dict[str, Any]:
    reading = named.reading
    return {
        "clock": reading.clock, "label": reading.label, "subject": named.subject, "n": named.n, "word": reading.word,
        "anchor": reading.anchor, "due": reading.due, "at": reading.at, "minutes": reading.minutes, "by": reading.by,
        "took": named.took, "left": reading.left, "entered": reading.entered, "times": reading.times,
        "counted": reading.counted,
    }  # fmt: skip

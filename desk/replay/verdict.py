"""Does an incident stand as a file expects? Every difference is one sentence that says expected and seen. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from desk.replay.expectation import NONE, Expectation, ExpectedEntry, ExpectedReading
from desk.replay.standing import Line, Named, Standing
from desk.replay.times import Calendar
from incidentdesk.kernel.stamps import moment
from incidents.protocol.match import word as payload_word

CLOSE = 1 / 120  # half a second of a minute


def differences(expected: Expectation, seen: Standing, calendar: Calendar) -> list[str]:
    """Every expectation that `seen` does not fulfil."""
    found = [
        *_plain(expected, seen, calendar),
        *_milestones(expected, seen, calendar),
        *_durations(expected, seen),
    ]
    found += [*_marks(expected, seen)]
    for reading in expected.readings:
        found += _reading(reading, seen, calendar)
    for entry in expected.entries:
        found += _entry(entry, seen, calendar)
    return [f"{expected.place}: {each}" for each in found]


def _say(value: Any, calendar: Calendar) -> str:
    if value is None or value == "":
        return NONE
    if isinstance(value, datetime):
        return calendar.words(value)
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    if isinstance(value, bool):
        return payload_word(value)
    if isinstance(value, list | tuple):
        return ", ".join(_say(each, calendar) for each in value) or NONE
    return str(value)


def _same(expected: Any, seen: Any) -> bool:
    if isinstance(expected, bool) or isinstance(seen, bool):
        return expected is seen
    if isinstance(expected, int | float) and isinstance(seen, int | float):
        return abs(expected - seen) < CLOSE
    if isinstance(expected, datetime) and isinstance(seen, datetime):
        return abs((expected - seen).total_seconds()) < 1
    return bool(expected == seen)


def _plain(expected: Expectation, seen: Standing, calendar: Calendar) -> Iterator[str]:
    for name, wanted in expected.plain.items():
        got: Any = getattr(seen, name)
        want = wanted
        if name in ("ic", "owner") and want == NONE:
            want = ""
        if name == "severity" and want == NONE:
            want = None
        if name == "unauthorised":
            want, got = (want, len(got)) if isinstance(want, int) else (list(want), list(got))
        if not _same(want, got):
            yield f"{name} expected {_say(want, calendar)}, seen {_say(got, calendar)}."


def _milestones(expected: Expectation, seen: Standing, calendar: Calendar) -> Iterator[str]:
    for name, wanted in expected.milestones.items():
        got = seen.milestones.get(name)
        if not _same(wanted, got):
            yield f"milestone {name} expected {_say(wanted, calendar)}, seen {_say(got, calendar)}."


def _durations(expected: Expectation, seen: Standing) -> Iterator[str]:
    for name, wanted in expected.durations.items():
        got = seen.durations.get(name)
        if not _same(wanted, got):
            words = [NONE if each is None else f"{each:g} min" for each in (wanted, got)]
            yield f"duration {name!r} expected {words[0]}, seen {words[1]}."


def _marks(expected: Expectation, seen: Standing) -> Iterator[str]:
    failed = sorted(mark.id for mark in seen.marks if not mark.met)
    figures = {"met": len(seen.marks) - len(failed), "of": len(seen.marks)}
    for name, got in figures.items():
        if name in expected.marks and expected.marks[name] != got:
            yield f"marks, {name} expected {expected.marks[name]}, seen {got}."
    if "failed" in expected.marks and sorted(expected.marks["failed"]) != failed:
        wanted = ", ".join(sorted(expected.marks["failed"])) or NONE
        yield f"marks not met expected {wanted}, seen {', '.join(failed) or NONE}."


def _reading(expected: ExpectedReading, seen: Standing, calendar: Calendar) -> Iterator[str]:
    of_clock = [each for each in seen.readings if each.reading.clock == expected.clock]
    subjects = sorted({each.subject for each in of_clock})
    if expected.subject is None and len(subjects) > 1:
        yield f"clock {expected.clock} runs for {', '.join(subjects)}; name the subject of this reading."
        return
    mine = [each for each in of_clock if expected.subject in (None, each.subject)]
    name = (
        f"clock {expected.clock}"
        + (f" of {expected.subject}" if expected.subject else "")
        + f", {expected.n}."
    )
    found = next((each for each in mine if each.n == expected.n), None) or _idle(mine, expected)
    if found is None:
        if expected.fields.get("word") != "not started":
            had = ", ".join(f"{each.n}. {each.reading.word}" for each in mine)
            yield f"{name} expected {expected.fields.get('word', 'a reading')}, seen no such reading ({had or 'never started'})."
        return
    for field, wanted in expected.fields.items():
        got = _field(found, field)
        if not _same(wanted, got):
            yield f"{name} {field} expected {_say(wanted, calendar)}, seen {_say(got, calendar)} ({describe(found, calendar)})."


def _idle(mine: Iterable[Named], expected: ExpectedReading) -> Named | None:
    return next((each for each in mine if each.n == 0 and expected.n == 1), None)


def _field(found: Named, field: str) -> Any:
    if field == "took":
        return found.took
    value = getattr(found.reading, field)
    return moment(value) if field in ("due", "at", "anchor") and value is not None else value


def describe(found: Named, calendar: Calendar) -> str:
    """A reading in words: `late by 2 min, due 02:50, at 02:52`."""
    reading = found.reading
    words = {
        "running": f"running, {reading.left:g} min left",
        "met": f"met in {reading.by:g} min",
        "late": f"met late by {reading.by:g} min",
        "overdue": f"overdue by {reading.by:g} min",
        "missed": f"missed, open {reading.by:g} min past due",
    }
    parts = [words.get(reading.word, reading.word)]
    if reading.due:
        parts.append(f"due {calendar.words(moment(reading.due))}")
    if reading.at:
        parts.append(
            f"{'ended' if reading.word in ('missed', 'void') else 'at'} {calendar.words(moment(reading.at))}"
        )
    if reading.entered:
        parts.append(f"entered {reading.entered:g} min later")
    if reading.times > 1:
        parts.append(f"{reading.times} times")
    return ", ".join(parts)


def _entry(expected: ExpectedEntry, seen: Standing, calendar: Calendar) -> Iterator[str]:
    found = [line for line in seen.entries if _fits(expected, line)]
    name = f"entries {expected.kind}" + (f" by {expected.actor}" if expected.actor else "")
    name += "".join(f" {key}={payload_word(value)}" for key, value in expected.where.items())
    if expected.at is not None and [*expected.at] != [line.at for line in found]:
        yield f"{name} expected at {_say(expected.at, calendar)}, seen at {_say([line.at for line in found], calendar)}."
    minutes = [round(line.minute, 2) for line in found]
    if expected.minutes is not None and [*expected.minutes] != minutes:
        yield f"{name} expected at minute {_say(expected.minutes, calendar)}, seen at {_say(minutes, calendar)}."
    if expected.count is not None and expected.count != len(found):
        yield f"{name} expected {expected.count}, seen {len(found)}."
    if not found and expected.at is None and expected.minutes is None and expected.count is None:
        yield f"{name} expected, seen none."


def _fits(expected: ExpectedEntry, line: Line) -> bool:
    if line.kind != expected.kind or expected.actor not in ("", line.actor):
        return False
    return all(_holds(line.payload.get(key), value) for key, value in expected.where.items())


def _holds(got: Any, wanted: Any) -> bool:
    values = got if isinstance(got, list) else [got]
    return any(payload_word(each) == payload_word(wanted) for each in values)

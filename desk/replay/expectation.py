"""What a scenario file expects of an incident at an instant: read and checked here, compared in `verdict`."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, get_args

from desk.replay.times import Calendar
from incidents.protocol import Protocol
from incidents.protocol.read import Word
from incidents.protocol.score import DURATIONS

NONE = "none"
WORDS: tuple[str, ...] = get_args(Word)
STATUSES = ("open", "investigating", "identified", "mitigating", "monitoring", "resolved", "closed")
Moment = datetime | None  # None: "none" was written, so nothing may stand there


@dataclass(frozen=True)
class ExpectedReading:
    """One clock of one subject; a field that the file leaves out is not asked for."""

    clock: str
    subject: str | None
    n: int
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class ExpectedEntry:
    """How often and when entries of a kind stand in the record; `where` narrows by payload fields."""

    kind: str
    actor: str
    where: Mapping[str, Any]
    at: tuple[datetime, ...] | None
    minutes: tuple[float, ...] | None
    count: int | None


@dataclass(frozen=True)
class Expectation:
    """All that is expected at one instant. `plain` holds the single figures by their word in the file."""

    at: datetime
    place: str
    incident: int = 1
    plain: Mapping[str, Any] = field(default_factory=dict)
    milestones: Mapping[str, Moment] = field(default_factory=dict)
    durations: Mapping[str, float | None] = field(default_factory=dict)
    marks: Mapping[str, Any] = field(default_factory=dict)
    readings: tuple[ExpectedReading, ...] = ()
    entries: tuple[ExpectedEntry, ...] = ()


PLAIN = ("status", "severity", "ic", "owner", "impact_minutes", "impact_duration", "detection_delay", "unauthorised",
         "not_declared_since")  # fmt: skip
PARTS = (*PLAIN, "incident", "milestones", "durations", "marks", "reading", "entry")
TIMES = ("due", "at", "anchor")
FIGURES = ("by", "took", "left", "minutes", "entered", "times")
READING = ("clock", "subject", "n", "word", *TIMES, *FIGURES, "counted")
ENTRY = ("kind", "actor", "where", "at", "minute", "count")


def read_expectation(
    table: Mapping[str, Any], at: datetime, place: str, calendar: Calendar, protocol: Protocol,
    people: Collection[str], problems: list[str],
) -> Expectation:  # fmt: skip
    """Read one [expect] or [[check]]; what is wrong is added to `problems`, a sentence each."""
    r = _Reader(calendar, problems, calendar.day)
    r.known(table, PARTS, place)
    stamped = protocol.milestones.keys() | {"alert_fired", "impact_start"}
    milestones = r.table(table, "milestones", stamped, place)
    lasting = r.table(table, "durations", DURATIONS, place)
    marks = r.table(table, "marks", ("met", "of", "failed"), place)
    return Expectation(
        at=at,
        place=place,
        incident=table.get("incident", 1),
        plain=_plain(r, table, place, people),
        milestones={name: r.moment(value, f"{place}, {name}") for name, value in milestones.items()},
        durations={name: r.figure(value, f"{place}, {name}") for name, value in lasting.items()},
        marks=marks,
        readings=tuple(
            _reading(r, row, f"{place}, reading {n}", protocol, people)
            for n, row in enumerate(r.rows(table, "reading", place), 1)
        ),
        entries=tuple(
            _entry(r, row, f"{place}, entry {n}") for n, row in enumerate(r.rows(table, "entry", place), 1)
        ),
    )


@dataclass(frozen=True)
class _Reader:
    calendar: Calendar
    problems: list[str]
    day: Any

    def table(
        self, table: Mapping[str, Any], name: str, allowed: Collection[str], place: str
    ) -> Mapping[str, Any]:
        """A table inside a table, its words checked."""
        found = table.get(name, {})
        if not isinstance(found, dict):
            self.problems.append(f"{place}: {name} must be a table.")
            return {}
        self.known(found, allowed, f"{place}, {name}")
        return found

    def rows(self, table: Mapping[str, Any], name: str, place: str) -> list[Any]:
        """An array of tables."""
        found = table.get(name, [])
        if isinstance(found, list) and all(isinstance(row, dict) for row in found):
            return found
        self.problems.append(f"{place}: {name} must be an array of tables, such as [[expect.{name}]].")
        return []

    def known(self, table: Mapping[str, Any], allowed: Collection[str], place: str) -> None:
        """Every word of a table is one that is allowed there."""
        for word in table:
            if word not in allowed:
                near = difflib.get_close_matches(word, [*allowed], 1)
                hint = f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(sorted(allowed))}."
                self.problems.append(f"{place}: {word!r} is no word here. {hint}")

    def moment(self, value: Any, place: str) -> Moment:
        if value == NONE:
            return None
        try:
            return self.calendar.moment(value)
        except ValueError as error:
            self.problems.append(f"{place}: {error}")
            return None

    def figure(self, value: Any, place: str) -> float | None:
        if value == NONE:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.problems.append(f'{place} must be a number of minutes or "none", not {value!r}.')
            return None
        return float(value)

    def one(self, value: Any, allowed: Sequence[str] | Collection[str], what: str, place: str) -> str:
        if value not in allowed:
            near = difflib.get_close_matches(str(value), [*allowed], 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(allowed)}."
            self.problems.append(f"{place}: {value!r} is no {what}. {hint}")
        return str(value)


def _plain(r: _Reader, table: Mapping[str, Any], place: str, people: Collection[str]) -> dict[str, Any]:
    found = {name: table[name] for name in PLAIN if name in table}
    if "status" in found:
        r.one(found["status"], STATUSES, "status", place)
    for seat in ("ic", "owner"):
        if seat in found:
            r.one(found[seat], [*people, NONE], "person", place)
    for name in ("impact_minutes", "impact_duration", "detection_delay"):
        if name in found:
            found[name] = r.figure(found[name], f"{place}, {name}")
    if "not_declared_since" in found:
        found["not_declared_since"] = r.moment(found["not_declared_since"], f"{place}, not_declared_since")
    return found


def _reading(
    r: _Reader, row: Any, place: str, protocol: Protocol, people: Collection[str]
) -> ExpectedReading:
    r.known(row, READING, place)
    clock = r.one(row.get("clock"), list(protocol.clock), "clock", place)
    fields: dict[str, Any] = {name: r.moment(row[name], f"{place}, {name}") for name in TIMES if name in row}
    fields |= {name: r.figure(row[name], f"{place}, {name}") for name in FIGURES if name in row}
    fields |= {name: row[name] for name in ("word", "counted") if name in row}
    if "word" in fields:
        r.one(fields["word"], WORDS, "word of a reading", place)
    subject = str(row["subject"]) if "subject" in row else None
    if subject is not None and not subject.isdigit():
        r.one(subject, people, "person", place)
    n = row.get("n", 1)
    if not isinstance(n, int):
        r.problems.append(f"{place}: n must be a whole number, not {n!r}.")
        n = 1
    return ExpectedReading(clock, subject, n, fields)


def _entry(r: _Reader, row: Any, place: str) -> ExpectedEntry:
    r.known(row, ENTRY, place)
    if "kind" not in row:
        r.problems.append(f"{place} lacks its kind.")
    times = _many(row.get("at"))
    minutes = _many(row.get("minute"))
    return ExpectedEntry(
        kind=str(row.get("kind", "")),
        actor=str(row.get("actor", "")),
        where=row.get("where", {}),
        at=None
        if times is None
        else tuple(t for t in (r.moment(each, f"{place}, at") for each in times) if t),
        minutes=None
        if minutes is None
        else tuple(r.figure(each, f"{place}, minute") or 0.0 for each in minutes),
        count=row.get("count"),
    )


def _many(value: Any) -> list[Any] | None:
    return None if value is None else value if isinstance(value, list) else [value]

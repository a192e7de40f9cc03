"""The shape of a protocol file: which words each table has, and what stands behind them; a sentence for each fault."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    """What a value must be, as a test and in words."""

    words: str
    fits: Callable[[Any], bool]


def is_number(value: Any) -> bool:
    """A number that time can be counted by: not true or false, not nan, not infinite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _levels(value: Any) -> bool:
    return isinstance(value, list) and all(each in (1, 2, 3, 4) and each is not True for each in value)


TEXT = Kind("a text", lambda value: isinstance(value, str))
NAMED = Kind("a text that is not empty", lambda value: isinstance(value, str) and bool(value.strip()))
NUMBER = Kind("a number", is_number)
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
TEXTS = Kind("a list of texts", _texts)
TABLE = Kind("a table", lambda value: isinstance(value, dict))
TABLES = Kind("a list of tables", _tables)
LEVEL = Kind("a severity, 1 to 4", lambda value: _levels([value]))
LEVELS = Kind("a list of severities, 1 to 4", _levels)

Words = Mapping[str, Kind]
FILE: Words = {
    "name": NAMED, "policy": TABLE, "settings": TABLE, "severity": TABLES, "clock": TABLES, "cadence": TABLE,
    "overdue": TABLE, "step": TABLES, "act": TABLES, "milestones": TABLE, "checklists": TABLE,
}  # fmt: skip
SEVERITY: Words = {
    "level": LEVEL, "name": NAMED, "meaning": TEXT, "customers": TEXT, "revenue": TEXT, "response": TEXT,
    "people": TEXT, "communication": TEXT, "roles": TEXTS, "hours": TEXT,
}  # fmt: skip
CLOCK: Words = {"id": NAMED, "label": NAMED, "anchor": NAMED, "kind": TEXT, "minutes": TEXT}
CLOCK_MAY: Words = {
    "about": TEXT, "rows": TEXT, "hours": TEXT, "subject": TEXT, "audience": TEXT, "owes": TEXT, "before": TEXT,
    "amber": TEXT, "starts": TEXTS, "meets": TEXTS, "ends": TEXTS, "again": TEXTS, "prior": FLAG, "strip": FLAG,
    "steps": TABLES,
}  # fmt: skip
CLOCK_STEP: Words = {"name": NAMED, "at": NUMBER, "do": TEXT, "to": TEXTS}
STEPS: Words = {"steps": TABLES}
MOVE: Words = {"from": TEXTS, "to": TEXT, "who": TEXTS, "needs": TEXTS}
RULE: Words = {"act": NAMED, "denied": NAMED, "needs": TEXTS}
ITEM: Words = {"id": NAMED, "text": NAMED}


def faults(data: Mapping[str, Any]) -> list[str]:
    """What is missing, unknown or of the wrong kind. An empty answer means that all words can be read as they stand."""
    found = list(_table(data, FILE, {}, "The file", open_=True))
    if found:
        return found
    found += _all(data["severity"], SEVERITY, {}, "Severity", "level")
    found += _all(data["clock"], CLOCK, CLOCK_MAY, "Clock", "id")
    for raw in data["clock"]:
        found += _steps(raw.get("steps", []), _place("Clock", raw, "id"))
    for part in ("cadence", "overdue"):
        found += _table(data[part], STEPS, {}, f"[{part}]")
        found += _steps(data[part].get("steps", []), f"[{part}]")
    found += _all(data["step"], MOVE, {"severities": LEVELS}, "Status step", "to")
    found += _all(data["act"], RULE, {}, "Act", "act")
    for name, texts in data["milestones"].items():
        if not TEXTS.fits(texts):
            found.append(f"Milestone {name} must be {TEXTS.words}, not {_say(texts)}.")
    for name, items in data["checklists"].items():
        if not TABLES.fits(items):
            found.append(f"Checklist {name} must be {TABLES.words}, not {_say(items)}.")
        else:
            found += _all(items, ITEM, {}, f"Checklist {name}, line", "id")
    return [
        *found,
        *(f"{place} holds a control character. Remove it." for place in _controls(data, "The file")),
    ]


def _all(rows: list[dict[str, Any]], must: Words, may: Words, what: str, by: str) -> Iterator[str]:
    for number, row in enumerate(rows, 1):
        yield from _table(row, must, may, _place(what, row, by, number))


def _place(what: str, row: Mapping[str, Any], by: str, number: int = 0) -> str:
    return (
        f"{what} {row[by]!s}"
        if row.get(by)
        else f"{what} {f'number {number}' if number else 'without a name'}"
    )


def _steps(rows: Any, place: str) -> Iterator[str]:
    if TABLES.fits(rows):
        yield from _all(rows, CLOCK_STEP, {}, f"{place}, step", "name")


def _table(
    row: Mapping[str, Any], must: Words, may: Words, place: str, *, open_: bool = False
) -> Iterator[str]:
    missing = [word for word in must if word not in row]
    if missing:
        yield f"{place} lacks {', '.join(missing)}."
    for word, value in row.items():
        kind = must.get(word) or may.get(word)
        if kind is None:
            if not open_:
                yield f"{place} has a word that is not known: {word}. Known are {', '.join([*must, *may])}."
        elif not kind.fits(value):
            yield f"{place}: {word} must be {kind.words}, not {_say(value)}."


def _say(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _controls(value: Any, place: str) -> Iterator[str]:
    """The places of texts that no message and no row of a database could carry."""
    if isinstance(value, str):
        if any(ord(character) < 32 and character not in "\n\t" for character in value):
            yield place
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _controls(name, place)
            yield from _controls(each, f"{place}, {name}" if place != "The file" else f"[{name}]")
    elif isinstance(value, list):
        for number, each in enumerate(value, 1):
            yield from _controls(each, f"{place} {number}")

"""Does an entry fit a pattern of the protocol?"""

from typing import Any

from incidents.protocol.definition import Clock, Pattern
from incidents.protocol.state import Entry, State

NO_ACT = frozenset({"refused"})


SENT = "update.sent"


def heard(entry: Entry) -> list[str]:
    """The audiences that a sent text counts for: those that had a recipient, or a page that shows it."""
    to: list[str] = entry.payload["to"]
    unheard = entry.payload.get("unheard")
    return [audience for audience in to if audience not in unheard] if unheard else to


def word(value: Any) -> str:
    """A payload value as a pattern writes it: `true`, `3`, `resolved`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def fits(pattern: Pattern, entry: Entry, state: State) -> bool:
    """Whether `entry` is of the pattern's kind and carries its fields; list fields fit by any member."""
    if pattern.kind == "*":
        if entry.by is None or entry.kind in NO_ACT:
            return False
    elif pattern.kind != entry.kind or (entry.kind == SENT and not heard(entry)):
        return False
    if pattern.setting and not state["options"].get(pattern.setting, True):
        return False
    for name, allowed in pattern.where:
        if name == "by":
            continue
        value = heard(entry) if name == "to" and entry.kind == SENT else entry.payload.get(name)
        values = value if isinstance(value, list) else [value]
        if not any(word(each) in allowed for each in values):
            return False
    return True


def subjects(clock: Clock, entry: Entry) -> list[str]:
    """Which instances of a clock an entry speaks of; clocks without subjects have one, named ''."""
    if not clock.subject:
        return [""]
    if clock.subject == "page" and "pages" in entry.payload:
        return [str(page) for page, _ in entry.payload["pages"]]
    value = entry.payload.get(clock.subject, entry.by)
    return [] if value is None else [str(value)]

"""How an incident stands at an instant, with names in place of ids: what a report prints and an expectation asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from incidentdesk.kernel.stamps import Stamp, moment
from incidents.protocol import Entry, Mark, Protocol, Reading, State, read, score
from incidents.protocol.score import detection_delay, durations, impact_minutes
from incidents.protocol.state import holder


@dataclass(frozen=True)
class Named:
    """One reading; `subject` is a person's name or the number of a change, `n` counts the occurrences of that subject.

    `took` is protocol minutes from the clock's start to the act that met it, or to its end.
    """

    subject: str
    n: int
    took: float | None
    reading: Reading


@dataclass(frozen=True)
class Line:
    """One entry of the record: who, when it happened, minutes since the alert, and its payload with people by name."""

    kind: str
    actor: str
    at: datetime
    minute: float
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Standing:
    """One incident at one instant."""

    at: datetime
    status: str
    severity: int | None
    ic: str
    owner: str
    readings: tuple[Named, ...]
    milestones: Mapping[str, datetime]
    durations: Mapping[str, float]
    impact_duration: float
    impact_minutes: float
    detection_delay: float
    unauthorised: tuple[int, ...]
    not_declared_since: datetime | None
    marks: tuple[Mark, ...]
    entries: tuple[Line, ...]


def standing(
    protocol: Protocol, state: State, entries: Sequence[Entry], people: Mapping[int, str], now: datetime
) -> Standing:
    """Read a state at `now` (aware UTC). `people` names users by id."""
    whole, minutes = impact_minutes(state, now)
    return Standing(
        at=now,
        status=state["status"],
        severity=state["severity"],
        ic=_name(people, holder(state, "ic")),
        owner=_name(people, state["owner"]),
        readings=_readings(protocol, state, people, now),
        milestones={name: moment(stamped["at"]) for name, stamped in state["milestones"].items()},
        durations=durations(state),
        impact_duration=whole,
        impact_minutes=minutes,
        detection_delay=detection_delay(state),
        unauthorised=tuple(int(number) for number, change in state["changes"].items() if change.get("unauthorised")),
        not_declared_since=_undeclared(protocol, state, now),
        marks=tuple(score(protocol, state, now)),
        entries=tuple(
            Line(entry.kind, _name(people, entry.by) or "desk", moment(entry.happened),
                 _apart(state, state["alert"], entry.happened), _with_names(people, entry))
            for entry in entries
        ),
    )  # fmt: skip


# Fields of a payload that hold people; `to` does in some kinds only.
_PEOPLE = frozenset({"user", "users", "implementer", "ic", "was"})
_TOLD = frozenset({"clock.step", "question"})


def _with_names(people: Mapping[int, str], entry: Entry) -> Mapping[str, Any]:
    """A payload with names in place of the ids of people."""
    return {
        field: _named(people, value) if field in _PEOPLE or (field == "to" and entry.kind in _TOLD) else value
        for field, value in entry.payload.items()
    }


def _named(people: Mapping[int, str], value: Any) -> Any:
    if isinstance(value, list):
        return [_named(people, each) for each in value]
    return _name(people, value) if isinstance(value, int) else value


def _name(people: Mapping[int, str], user: int | None) -> str:
    return "" if user is None else people.get(user, f"person {user}")


def _apart(state: State, start: Stamp, end: Stamp) -> float:
    return (moment(end) - moment(start)).total_seconds() / state["minute"]


def _readings(
    protocol: Protocol, state: State, people: Mapping[int, str], now: datetime
) -> tuple[Named, ...]:
    """Readings in the protocol's order. Pages of one person are occurrences of that person's clock."""
    found: list[Named] = []
    told: dict[tuple[str, str], int] = {}
    for reading in read(protocol, state, now):
        subject = _subject(protocol, state, people, reading)
        n = reading.n
        if subject != reading.subject:
            n = told[reading.clock, subject] = told.get((reading.clock, subject), 0) + 1
        done = reading.at is not None and reading.anchor is not None
        took = _apart(state, reading.anchor, reading.at) if done else None  # type: ignore[arg-type]  # both are set
        found.append(Named(subject, n, took, reading))
    return tuple(found)


def _subject(protocol: Protocol, state: State, people: Mapping[int, str], reading: Reading) -> str:
    kind = protocol.clock[reading.clock].subject
    if not reading.subject or kind == "change":
        return reading.subject
    if kind == "page":
        return _name(people, state["pages"][reading.subject]["user"])
    return _name(people, int(reading.subject))


def _undeclared(protocol: Protocol, state: State, now: datetime) -> datetime | None:
    """Since when the page says "not declared" (TRI-10), or None where it does not."""
    acknowledged = state["milestones"].get("acknowledged")
    if acknowledged is None or state["severity"] is not None or state["status"] == "closed":
        return None
    wait = protocol.figure("undeclared.after") * state["minute"]
    since = moment(acknowledged["at"]) + timedelta(seconds=wait)
    return since if since <= now else None

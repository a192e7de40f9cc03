"""The structured update as text, one per audience: pure, from plain values (TPL-09, TPL-11, TPL-12, COM-22, TPL-40)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from comms import threads
from comms.models import Audience

TO_BE_CONFIRMED: Final = "to be confirmed"
STATUS_WORDS: Final = {
    "open": "Open",
    "investigating": "Investigating",
    "identified": "Identified",
    "mitigating": "Mitigating",
    "monitoring": "Monitoring",
    "resolved": "Resolved",
    "closed": "Closed",
}
# What people outside read. Mitigated is said as "being watched", never as solved.
OUTSIDE_WORDS: Final = {
    "open": "We are looking into it",
    "investigating": "Under investigation",
    "identified": "Cause identified, fix being prepared",
    "mitigating": "A fix is being applied",
    "monitoring": "Being watched after a fix",
    "resolved": "Resolved",
    "closed": "Resolved",
}
OVER: Final = frozenset({"resolved", "closed"})
OUTSIDE: Final = frozenset({Audience.CLIENTS, Audience.PUBLIC})
_NEXT: Final = "Next update: by "
# The promise at the head of the line that `_next` writes; in brackets the local time, where it has one.
_PROMISE: Final = re.compile(
    rf"^{_NEXT}(?:\d{{4}}-\d\d-\d\d )?\d\d:\d\d UTC(?P<local> \((?:\d{{4}}-\d\d-\d\d )?\d\d:\d\d [^()\n]+\))?",
    re.MULTILINE,
)
# The line of a composed text that says when it was written, should a text written by hand have kept it.
_TIME_LINE: Final = re.compile(r"^Time: \d{4}-\d\d-\d\d \d\d:\d\d UTC.* min since detection$", re.MULTILINE)


# The first line of a composed text, which says what has changed; a text written by hand may have kept that of an earlier one.
_FIRST_LINE: Final = re.compile(r"\AUpdate \d+: [^\n]*\.$", re.MULTILINE)


@dataclass(frozen=True)
class UpdateFields:
    """What the writer fills in once. `know` and `doing` are for colleagues; clients and the public read `shareable`.

    `next_at` (aware, UTC) is the promised time; None only once the incident is over. `unchanged_since` marks a "no
    change" update, which is still a full one. `own` is a text written by hand for one audience, in place of the one made
    of all the rest.
    """

    status: str
    impact: str = ""
    know: str = ""
    doing: str = ""
    eta: str = ""
    next_at: datetime | None = None
    shareable: str = ""
    business: str = ""
    restored_percent: int | None = None
    decisions: str = ""
    unchanged_since: datetime | None = None
    own: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        known = {field.name for field in fields(cls)}
        kept = {name: value for name, value in data.items() if name in known}
        for name in ("next_at", "unchanged_since"):
            if kept.get(name):
                kept[name] = datetime.fromisoformat(kept[name])
        return cls(**kept)


@dataclass(frozen=True)
class ImpactLine:
    """One thing that is hit: since when, how many users, and what an hour of it costs, as far as known."""

    what: str
    since: datetime | None = None
    users: str = ""
    revenue_per_hour: str = ""


@dataclass(frozen=True)
class Action:
    what: str
    owner: str = ""


@dataclass(frozen=True)
class Facts:
    """What the record says at this moment. `minute` is the length of a protocol minute; `detected_at` the alert's time.

    `services` are those that are known and hit.
    """

    reference: str
    title: str
    severity: int | None
    detected_at: datetime
    number: int = 1
    services: Sequence[str] = ()
    impacts: Sequence[ImpactLine] = ()
    actions: Sequence[Action] = ()
    channel: str = ""
    ic: str = ""
    ic_contact: str = ""
    link: str = ""
    minute: timedelta = timedelta(minutes=1)


def no_change(
    last: UpdateFields,
    *,
    last_sent_at: datetime,
    next_at: datetime | None,
    now: datetime,
    zone: ZoneInfo | None = None,
) -> UpdateFields:
    """What an audience was told last, whole, saying since when nothing has changed and when the next one comes.

    A text written by hand stays as it was written, but for the time in the line that promises the next update; the same
    time elsewhere may be that of anything.
    """
    own = last.own if next_at is None else _promising(last.own, next_at, now=now, zone=zone)
    return replace(last, own=own, next_at=next_at, unchanged_since=last.unchanged_since or last_sent_at)


def _promising(own: str, next_at: datetime, *, now: datetime, zone: ZoneInfo | None) -> str:
    """The text with a new time in its line of the next update, with local time where the line had it."""
    return _PROMISE.sub(
        lambda said: _NEXT + clock_text(next_at, now=now, zone=zone if said["local"] else None), own
    )


def audience_texts(
    said: Mapping[Audience, UpdateFields], *, facts: Facts, now: datetime, zone: ZoneInfo | None = None
) -> dict[Audience, tuple[str, str]]:
    """Subject and body for each audience, from what it is told."""
    return {
        audience: render(fields, audience, facts=facts, now=now, zone=zone)
        for audience, fields in said.items()
    }


def render(
    fields: UpdateFields, audience: Audience, *, facts: Facts, now: datetime, zone: ZoneInfo | None = None
) -> tuple[str, str]:
    """Subject and body. UTC comes first, local time beside it where a zone is given; the subject's start never changes."""
    compose = {
        Audience.RESPONDERS: _responders,
        Audience.EXECUTIVES: _executives,
        Audience.CLIENTS: _outside,
        Audience.PUBLIC: _outside,
    }[audience]
    clock = _Clock(now, zone)
    first = f"Update {facts.number}: {status_word(fields.status, audience)}."
    subject = threads.subject(audience, facts.reference, facts.severity, facts.services, facts.title)
    if fields.own:
        return subject, _FIRST_LINE.sub(lambda _: first, _by_hand(fields, audience, facts, clock), count=1)
    paragraphs = [first, *compose(fields, facts, clock), _next(fields, clock)]
    return subject, "\n\n".join(part for part in paragraphs if part) + "\n"


def naming_next(body: str, fields: UpdateFields, *, now: datetime) -> str:
    """A text edited by hand, with the promised time added where its writer left it out (COM-05)."""
    clock = _Clock(now, None)
    if fields.next_at is None or clock.text(fields.next_at) in body:
        return body
    return f"{body.rstrip()}\n\n{_next(fields, clock)}\n"


def for_readers(status: str) -> str:
    """A status as updates tell it (INC-46): what has only opened counts as investigating, what is closed as resolved."""
    return {"open": "investigating", "closed": "resolved"}.get(status, status)


def status_word(status: str, audience: Audience) -> str:
    """A status as this audience reads it."""
    return (OUTSIDE_WORDS if audience in OUTSIDE else STATUS_WORDS)[status]


def _by_hand(fields: UpdateFields, audience: Audience, facts: Facts, clock: "_Clock") -> str:
    """A text written by hand, to the letter; repeated, it says since when it stands, and its line of time is the present one."""
    if fields.unchanged_since is None:
        return fields.own
    body = _TIME_LINE.sub(lambda _: _time_line(facts, clock), fields.own)
    line = f"Status: {status_word(fields.status, audience)}"
    if line in body.splitlines():
        whole = rf"^{re.escape(line)}$"
        return re.sub(whole, lambda _: f"{line}{_unchanged(fields, clock)}", body, flags=re.MULTILINE)
    return f"{body.rstrip()}\n\nNo change since {clock.text(fields.unchanged_since)}.\n"


def _responders(fields: UpdateFields, facts: Facts, clock: "_Clock") -> list[str]:
    return [
        f"{severity_word(facts.severity)}: {facts.title}",
        _time_line(facts, clock),
        f"Status: {STATUS_WORDS[fields.status]}{_unchanged(fields, clock)}",
        _block("Impact", _impact(fields, facts, clock)),
        _block("What we know", fields.know or "The cause is under investigation."),
        _block(
            "What we are doing", fields.doing or "\n".join(_action(action) for action in facts.actions) or "-"
        ),
        f"Estimate: {fields.eta or TO_BE_CONFIRMED}",
        "\n".join(
            line
            for line in (
                f"Channel: {facts.channel or 'none yet'}",
                f"Incident commander: {facts.ic or 'nobody yet'}{f', {facts.ic_contact}' if facts.ic_contact else ''}",
                f"War room: {facts.link}" if facts.link else "",
            )
            if line
        ),
    ]


def _executives(fields: UpdateFields, facts: Facts, clock: "_Clock") -> list[str]:
    restored = "not known yet" if fields.restored_percent is None else f"{fields.restored_percent} %"
    return [
        f"{severity_word(facts.severity)}: {facts.title}",
        _time_line(facts, clock),
        f"Status: {STATUS_WORDS[fields.status]}{_unchanged(fields, clock)}",
        _block("Business impact", fields.business or fields.impact or "Not known yet."),
        _revenue(facts),
        f"Restored: {restored}",
        _block("Decisions needed from you", fields.decisions or "None."),
        f"Estimate: {fields.eta or TO_BE_CONFIRMED}",
    ]


def _outside(fields: UpdateFields, facts: Facts, clock: "_Clock") -> list[str]:
    # An allow-list: impact, status, estimate and what was marked as shareable. Causes, names and theories stay inside.
    known = fields.shareable or (
        "" if fields.status in OVER else "The cause is under investigation. Our team is working on it."
    )
    return [
        f"What: disruption of {threads.outside_name(facts.services)}",
        _time_line(facts, clock),
        _block("What you may notice", fields.impact or "We are still finding out who is affected."),
        f"Status: {OUTSIDE_WORDS[fields.status]}{_unchanged(fields, clock)}",
        _block("What we can say", known),
        "" if fields.status in OVER else f"Expected end: {fields.eta or TO_BE_CONFIRMED}",
    ]


def _next(fields: UpdateFields, clock: "_Clock") -> str:
    if fields.next_at is not None:
        return f"{_NEXT}{clock.text(fields.next_at)}, or sooner if the status changes."
    return "This is the last update on it." if fields.status in OVER else f"Next update: {TO_BE_CONFIRMED}"


def _time_line(facts: Facts, clock: "_Clock") -> str:
    minutes = minutes_since(facts.detected_at, clock.now, minute=facts.minute)
    return f"Time: {clock.text(clock.now, dated=True)}, {minutes} min since detection"


def _unchanged(fields: UpdateFields, clock: "_Clock") -> str:
    return f" (no change since {clock.text(fields.unchanged_since)})" if fields.unchanged_since else ""


def _impact(fields: UpdateFields, facts: Facts, clock: "_Clock") -> str:
    lines = [fields.impact] if fields.impact else []
    for impact in facts.impacts:
        parts = (
            impact.what,
            f"since {clock.text(impact.since)}" if impact.since else "",
            f"{impact.users} users" if impact.users else "",
        )
        lines.append("- " + ", ".join(part for part in parts if part))
    return "\n".join(lines) or "Not known yet."


def _revenue(facts: Facts) -> str:
    """What an hour costs, for executives alone: not every responder may see it (RBAC-18)."""
    known = [impact for impact in facts.impacts if impact.revenue_per_hour]
    return "\n".join(f"Revenue at risk: {each.revenue_per_hour} per hour, {each.what}" for each in known)


def _block(heading: str, text: str) -> str:
    return f"{heading}:\n{text}"


def _action(action: Action) -> str:
    return f"- {action.what} ({action.owner or 'nobody yet'})"


def severity_word(severity: int | None) -> str:
    return "Severity not set" if severity is None else f"SEV-{severity}"


def minutes_since(start: datetime, now: datetime, *, minute: timedelta = timedelta(minutes=1)) -> int:
    """Whole protocol minutes from `start` to `now`, never below zero."""
    return max(0, int((now - start) / minute))


def clock_text(at: datetime, *, now: datetime, zone: ZoneInfo | None = None, dated: bool = False) -> str:
    """An instant as clock time with its zone: "02:47 UTC (03:47 CET)", with the date when it is not today's."""
    utc = at.astimezone(ZoneInfo("UTC"))
    text = f"{utc:%H:%M} UTC"
    if dated or utc.date() != now.astimezone(ZoneInfo("UTC")).date():
        text = f"{utc:%Y-%m-%d} {text}"
    if zone is None:
        return text
    local = at.astimezone(zone)
    if local.utcoffset() == timedelta(0):
        return text
    day = "" if local.date() == utc.date() else f"{local:%Y-%m-%d} "
    return f"{text} ({day}{local:%H:%M} {zone_word(local)})"


def zone_word(local: datetime) -> str:
    """CET where the zone has letters of its own, else the offset as UTC+5:45; zones like "+0545" name nothing to a reader."""
    name = local.tzname() or ""
    if name.isalpha():
        return name
    offset = local.utcoffset() or timedelta(0)
    hours, minutes = divmod(abs(int(offset.total_seconds() // 60)), 60)
    sign = "-" if offset < timedelta(0) else "+"
    return f"UTC{sign}{hours}" + (f":{minutes:02d}" if minutes else "")


@dataclass(frozen=True)
class _Clock:
    now: datetime
    zone: ZoneInfo | None

    def text(self, at: datetime, *, dated: bool = False) -> str:
        return clock_text(at, now=self.now, zone=self.zone, dated=dated)

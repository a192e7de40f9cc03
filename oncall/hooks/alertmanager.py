"""What Alertmanager sends (webhook version 4) and Grafana in the same shape (version 1), read into plain values.

Neither signs anything: a bearer token lets them in. A body is read alert by alert, and of each only what is used.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from incidentdesk.kernel.text import clean_text, header_line
from incidents.protocol import default_text
from incidents.protocol import parse as parse_protocol
from incidents.protocol.words import CRITICAL, WATCHDOGS, Words
from incidents.protocol.words import words as words_of
from oncall.hooks import walk
from oncall.hooks.walk import Malformed, Span

WATCHDOG: Final = "none"  # the word stored for a watchdog, whatever it says of itself
STATUSES: Final = frozenset({"firing", "resolved"})
VERSIONS: Final = frozenset({"4", "1"})
ALERTS: Final = 1_000
LABELS: Final = 64
FIELDS: Final = 1_000
TEXT: Final = 1_000
LINK: Final = 8_000  # a query of Prometheus in an address is long; a link that is cut leads nowhere
BEFORE_CLEANING: Final = 4  # how much longer than its limit a text is cut to before it is cleaned
SHIPPED: Final = words_of(parse_protocol(default_text()))
_LEVEL: Final = re.compile(r"(?:sev[-_ ]?)?([1-4])", re.IGNORECASE)
_HEAD: Final = frozenset({"version", "groupKey", "truncatedAlerts", "externalURL"})
_TEXTS: Final = ("labels", "annotations")
_ALERT: Final = frozenset({"status", "startsAt", "endsAt", "generatorURL", "fingerprint", *_TEXTS})


@dataclass(frozen=True, slots=True)
class Incoming:
    """One alert of one notification. Times are aware UTC; `presumed` is the severity that its label `sev` asks for.

    `sender` is who sent it, by its `externalURL`; `left_out` how many alerts of the group the notification says it lacks.
    """

    fingerprint: str
    starts_at: datetime
    ends_at: datetime | None
    firing: bool
    critical: bool
    severity_label: str
    presumed: int | None
    name: str
    summary: str
    value: str
    service: str
    group_key: str
    generator_url: str
    payload: Mapping[str, Mapping[str, Any]]
    sender: str = ""
    runbook_url: str = ""
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Aside:
    """What cannot be acted on, why, and the piece of the body that it is; all else of the body is taken in."""

    reason: str
    position: str
    piece: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """A body as read: what to store, and what to set aside for people to look at."""

    alerts: tuple[Incoming, ...]
    aside: tuple[Aside, ...] = ()


def parse(body: bytes, words: Words = SHIPPED) -> Notification:
    """Read a webhook body; fields that are not known are never looked at (S21). `words` say what is critical.

    Raises Malformed where the body as a whole cannot be read, or none of its alerts can.
    """
    text = walk.decode(body)
    return _at_once(text, words) or _one_by_one(text, words)


def _at_once(text: str, words: Words) -> Notification | None:
    """A short body without any fault, which nearly every one is, for a third of the time; None for all others."""
    try:
        data = walk.value(text, Span(walk.begin(text), len(text.rstrip())))
        if (
            not isinstance(data, dict)
            or not isinstance(data.get("alerts"), list)
            or len(data["alerts"]) > ALERTS
        ):
            return None
        head = _head(data, words)
        return Notification(
            tuple(_alert(each, head, f"alerts[{n}]") for n, each in enumerate(data["alerts"]))
        )
    except Malformed:
        return None


def _one_by_one(text: str, words: Words) -> Notification:
    """A body that is long or has a fault somewhere: what can be told apart in it is read, each by itself."""
    outline = _outline(text)
    if outline.alerts is None:
        raise outline.broken or Malformed("There is no list of alerts", "alerts")
    head, alerts, aside, faults = _head(outline.head, words), [], [], 0
    for place, span in enumerate(outline.alerts[:ALERTS]):
        at = f"alerts[{place}]"
        try:
            alerts.append(_alert(_members(text, span, at), head, at))
        except Malformed as fault:
            faults += not isinstance(fault, _UnknownStatus)
            aside.append(_aside(text, span, fault))
    if len(outline.alerts) > ALERTS:
        reason = f"The body has more than {ALERTS:,} alerts. The others of it were not read."
        aside.append(_aside(text, outline.alerts[ALERTS], Malformed(reason, f"alerts[{ALERTS}]")))
    if outline.broken is not None:
        faults += 1
        aside.append(_aside(text, Span(max(0, len(text) - walk.VALUE_LIMIT), len(text)), outline.broken))
    if faults and not alerts and faults == len(aside):
        raise Malformed(aside[0].reason, aside[0].position)
    return Notification(tuple(alerts), tuple(aside))


def _aside(text: str, span: Span, fault: Malformed) -> Aside:
    return Aside(
        fault.reason, fault.position, text[span.start : min(span.end, span.start + walk.VALUE_LIMIT)]
    )


class _UnknownStatus(Malformed):
    pass


@dataclass(slots=True)
class _Outline:
    """The values of the head that are read, where each alert stands, and where the body stops being JSON, if it does."""

    head: dict[str, Any] = field(default_factory=dict)
    alerts: list[Span] | None = None
    broken: Malformed | None = None


def _outline(text: str) -> _Outline:
    start = walk.begin(text)
    if text[start : start + 1] != "{":
        raise Malformed("The body is not an object", f"character {start}")
    found = _Outline()
    try:
        at = walk.first(text, start, "}")
        while at >= 0:
            name, at = walk.name(text, at)
            at = walk.after(text, _take(text, name, at, found), "}")
    except Malformed as fault:
        found.broken = fault
    return found


def _take(text: str, name: str, at: int, found: _Outline) -> int:
    """Note one member of the body that is read; where it ends."""
    if name == "alerts" and text[at : at + 1] == "[":
        found.alerts = found.alerts or []
        for each in walk.elements(text, at):  # what came before a fault is taken in, so each is noted at once
            found.alerts.append(each)
            if len(found.alerts) > ALERTS:  # one more than is read, so that it can be said
                break
        return walk.span(text, at).end
    span = walk.span(text, at)
    if name in _HEAD:
        found.head[name] = walk.value(text, span)
    return span.end


def _members(text: str, span: Span, at: str) -> Any:
    """An alert as an object; member by member where it cannot be read, or is too long, as a whole."""
    if text[span.start] != "{":
        raise Malformed("An alert is not an object", at)
    try:
        return walk.value(text, span)
    except Malformed:
        found = {name: each for name, each in walk.members(text, span.start) if name in _ALERT}
        return {name: _member(text, name, each) for name, each in found.items()}


def _member(text: str, name: str, span: Span) -> Any:
    if name not in _TEXTS or text[span.start] != "{":
        return walk.value(text, span)
    return {key: walk.value(text, each) for key, each in islice(walk.members(text, span.start), FIELDS)}


@dataclass(frozen=True, slots=True)
class _Head:
    """What the body says of all its alerts: their group (empty where none is named), who sends, how many are missing."""

    group: str
    sender: str
    left_out: int
    words: Words


def _head(data: Mapping[str, Any], words: Words) -> _Head:
    """Raises Malformed for a version that is not known."""
    if str(data.get("version", "4")) not in VERSIONS:
        raise Malformed("Only versions 4 (Alertmanager) and 1 (Grafana) of the webhook are read", "version")
    return _Head(_group(data.get("groupKey")), _sender(data.get("externalURL")), _left_out(data), words)


def _group(key: Any) -> str:
    if not isinstance(key, str):
        return ""
    return key if len(key) <= 200 and key.isprintable() else f"sha256:{_digest(key)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _sender(url: Any) -> str:
    """Who sends: the address it gives itself, or nothing. Two that write it apart by a last slash are one."""
    if not isinstance(url, str):
        return ""
    url = _line(url, LINK).rstrip("/")
    return url if len(url) <= 200 else f"sha256:{_digest(url)}"


def _left_out(data: Mapping[str, Any]) -> int:
    """`truncatedAlerts`, which Alertmanager says where `max_alerts` cut the group."""
    count = data.get("truncatedAlerts")
    return min(count, 1_000_000) if type(count) is int and count > 0 else 0


def _alert(each: Any, head: _Head, at: str) -> Incoming:
    if not isinstance(each, dict):
        raise Malformed("An alert is not an object", at)
    status = each.get("status")
    if not isinstance(status, str):
        raise Malformed("An alert has no status", f"{at}.status")
    if status not in STATUSES:
        raise _UnknownStatus(f"The status {_line(status, 40)!r} is not known", f"{at}.status")
    labels, annotations = _texts(each, "labels", at), _texts(each, "annotations", at)
    starts_at = _time(each.get("startsAt"), f"{at}.startsAt")
    if starts_at is None:
        raise Malformed("An alert does not say since when it fires", f"{at}.startsAt")
    name = _line(labels.get("alertname", ""), 200) or "Alert without a name"
    label = _line(labels.get("severity", ""), 40).lower()
    meaning = head.words.meaning_of(label, name)
    service = _line(labels.get("service") or labels.get("job") or "", 80)
    summary = annotations.get("summary") or annotations.get("description") or annotations.get("message") or ""
    firing = status == "firing"
    return Incoming(
        fingerprint=_fingerprint(each.get("fingerprint"), labels, f"{at}.fingerprint"),
        starts_at=starts_at,
        ends_at=None if firing else _time(each.get("endsAt"), f"{at}.endsAt") or starts_at,
        firing=firing,
        critical=meaning == CRITICAL,
        severity_label=label if name.lower() not in WATCHDOGS else WATCHDOG,
        presumed=_level(labels.get("sev", "")),
        name=name,
        summary=_text(summary),
        value=_line(annotations.get("value", ""), 100),
        service=service,
        group_key=head.group or f"service:{service}",
        generator_url=_url(each.get("generatorURL")),
        payload=_payload(labels, annotations),
        sender=head.sender,
        runbook_url=_url(annotations.get("runbook_url")),
        left_out=head.left_out,
    )


def _texts(each: Mapping[str, Any], name: str, at: str) -> dict[str, str]:
    found = each.get(name) or {}
    if not isinstance(found, dict):
        raise Malformed(f"The {name} of an alert are no object", f"{at}.{name}")
    wrong = next((key for key, value in found.items() if not isinstance(value, str)), None)
    if wrong is not None:
        raise Malformed(f"One of the {name} is not a text", f"{at}.{name}.{_line(wrong, 40)}")
    return found


def _time(value: Any, at: str) -> datetime | None:
    """A time of RFC 3339; Go's zero time means none. More than microseconds are cut."""
    if value is None or value == "":
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.astimezone(UTC) if moment.tzinfo else _refuse(at)
    except (ValueError, TypeError, OverflowError):
        moment = _refuse(at)
    return None if moment.year <= 1 else moment


def _refuse(at: str) -> datetime:
    raise Malformed("This is no time with a zone", at)


def _fingerprint(value: Any, labels: Mapping[str, str], at: str) -> str:
    """The source's own, else one made of the labels, which are what makes an alert the same."""
    if value is not None and not isinstance(value, str):
        raise Malformed("The fingerprint is not a text", at)
    if value and len(value) <= 64 and value.isprintable():
        return value
    return _digest(value or json.dumps(sorted(labels.items())))


def _level(label: str) -> int | None:
    found = _LEVEL.fullmatch(label.strip())
    return int(found[1]) if found else None


def _url(value: Any) -> str:
    """A link people may follow, or nothing: http(s) only, so that no page ever shows another kind."""
    if not isinstance(value, str) or not value.startswith(("http://", "https://")) or len(value) > LINK:
        return ""
    return value if value.isprintable() and " " not in value else ""


def _line(value: str, limit: int) -> str:
    if value.isascii() and value.isprintable() and "  " not in value:
        return value[:limit].strip()
    return header_line(value[: limit * BEFORE_CLEANING])[:limit]


def _text(value: str) -> str:
    """A text, whole or with its end marked as cut."""
    if len(value) > TEXT:
        value = f"{value[: TEXT - 1]}…"
    return value if value.isascii() and value.isprintable() else clean_text(value)


def _payload(labels: Mapping[str, str], annotations: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Labels and annotations, the first of each; `left_out` says how many there are beyond."""
    kept: dict[str, dict[str, Any]] = {"labels": _trimmed(labels), "annotations": _trimmed(annotations)}
    missing = {
        name: len(told) - LABELS
        for name, told in (("labels", labels), ("annotations", annotations))
        if len(told) > LABELS
    }
    return {**kept, "left_out": missing} if missing else kept


def _trimmed(texts: Mapping[str, str]) -> dict[str, str]:
    return {_line(name, 100): _text(value) for name, value in list(texts.items())[:LABELS]}

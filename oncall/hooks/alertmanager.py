"""What Alertmanager sends (webhook version 4), read into plain values. It signs nothing: a bearer token lets it in."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from incidentdesk.kernel.text import clean_text, header_line
from oncall.hooks.strict import Malformed, loads

CRITICAL: Final = frozenset({"critical", "page"})
STATUSES: Final = frozenset({"firing", "resolved"})
LABELS: Final = 64
TEXT: Final = 1_000
LINK: Final = 8_000  # a query of Prometheus in an address is long; a link that is cut leads nowhere
_LEVEL: Final = re.compile(r"(?:sev[-_ ]?)?([1-4])", re.IGNORECASE)


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
    """An alert that cannot be acted on, and why; the others of its body are taken in all the same."""

    reason: str
    position: str


@dataclass(frozen=True, slots=True)
class Notification:
    """A body as read: what to store, and what to set aside for people to look at."""

    alerts: tuple[Incoming, ...]
    aside: tuple[Aside, ...] = ()


def parse(body: bytes) -> Notification:
    """Read a webhook body; fields that are not known are ignored (S21).

    Raises Malformed where the body as a whole cannot be read, or none of its alerts can.
    """
    data = loads(body)
    if not isinstance(data, dict):
        raise Malformed("The body is not an object", "character 0")
    if data.get("version", "4") != "4":
        raise Malformed("Only version 4 of Alertmanager's webhook is read here", "version")
    raw = data.get("alerts")
    if not isinstance(raw, list):
        raise Malformed("There is no list of alerts", "alerts")
    group, sender, left_out = _group(data), _sender(data), _left_out(data)
    alerts: list[Incoming] = []
    aside: list[Aside] = []
    faults = 0
    for place, each in enumerate(raw):
        try:
            alerts.append(_alert(each, group, f"alerts[{place}]", sender, left_out))
        except _UnknownStatus as unknown:
            aside.append(Aside(unknown.reason, unknown.position))
        except Malformed as fault:
            faults += 1
            aside.append(Aside(fault.reason, fault.position))
    if faults and faults == len(raw):
        raise Malformed(aside[0].reason, aside[0].position)
    return Notification(tuple(alerts), tuple(aside))


class _UnknownStatus(Malformed):
    pass


def _group(data: Mapping[str, Any]) -> str:
    key = data.get("groupKey", "")
    if not isinstance(key, str):
        raise Malformed("The group's key is not a text", "groupKey")
    if len(key) <= 200 and key.isprintable():
        return key
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def _sender(data: Mapping[str, Any]) -> str:
    """Who sends: the address it gives itself, or nothing. Two that write it apart by a last slash are one."""
    url = data.get("externalURL")
    if not isinstance(url, str):
        return ""
    url = _line(url, LINK).rstrip("/")
    return url if len(url) <= 200 else f"sha256:{hashlib.sha256(url.encode()).hexdigest()}"


def _left_out(data: Mapping[str, Any]) -> int:
    """`truncatedAlerts`, which Alertmanager says where `max_alerts` cut the group."""
    count = data.get("truncatedAlerts")
    return min(count, 1_000_000) if type(count) is int and count > 0 else 0


def _alert(each: Any, group: str, at: str, sender: str, left_out: int) -> Incoming:
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
    summary = annotations.get("summary") or annotations.get("description") or annotations.get("message") or ""
    firing = status == "firing"
    return Incoming(
        fingerprint=_fingerprint(each.get("fingerprint"), labels, f"{at}.fingerprint"),
        starts_at=starts_at,
        ends_at=None if firing else _time(each.get("endsAt"), f"{at}.endsAt") or starts_at,
        firing=firing,
        critical=label in CRITICAL,
        severity_label=label,
        presumed=_level(labels.get("sev", "")),
        name=name,
        summary=_text(summary),
        value=_line(annotations.get("value", ""), 100),
        service=_line(labels.get("service") or labels.get("job") or "", 80),
        group_key=group,
        generator_url=_url(each.get("generatorURL")),
        payload=_payload(labels, annotations),
        sender=sender,
        runbook_url=_url(annotations.get("runbook_url")),
        left_out=left_out,
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
    told = value or json.dumps(sorted(labels.items()))
    return hashlib.sha256(told.encode()).hexdigest()


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
    return header_line(value)[:limit]


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

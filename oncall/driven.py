"""Alerts of an incident in driven time: stored as the hook would have stored them, in the caller's transaction."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from oncall.identity import Waiting
from oncall.models import Alert


@dataclass(frozen=True)
class Firing:
    """One alert as its source tells it. The same `name` with a later start is the same alert firing anew."""

    name: str
    service: str
    group: str
    critical: bool
    starts_at: datetime
    presumed: int | None = None
    summary: str = ""
    value: str = ""


def fire(source: str, firing: Firing, *, now: datetime) -> Waiting:
    """Store a firing alert, ready to be admitted. A repeat with the same start is the row that is there already.

    Driven sources do not name themselves: what fires after its resolve goes on once the resolve is no longer fresh.
    """
    alert, made = Alert.objects.get_or_create(
        source=source, fingerprint=hashlib.sha256(firing.name.encode()).hexdigest()[:16], starts_at=firing.starts_at,
        defaults={
            "state": Alert.State.FIRING, "critical": firing.critical, "presumed": firing.presumed, "name": firing.name,
            "severity_label": "critical" if firing.critical else "warning", "summary": firing.summary,
            "value": firing.value, "service_slug": firing.service, "group_key": firing.group, "received_at": now,
            "fired": True, "pending": False,
        },
    )  # fmt: skip
    if not made:
        alert.count += 1
        alert.back_at = now if alert.state == Alert.State.RESOLVED else None
        alert.summary, alert.value = firing.summary, firing.value
        alert.save(update_fields=["count", "back_at", "summary", "value"])
    return waiting(alert)


def resolve(alert: int, *, now: datetime) -> Waiting:
    """The source says that an alert is over at `now`."""
    row = Alert.objects.get(pk=alert)
    row.state, row.ends_at, row.resolved_at, row.back_at = Alert.State.RESOLVED, now, now, None
    row.save(update_fields=["state", "ends_at", "resolved_at", "back_at"])
    return waiting(row)


def waiting(row: Alert) -> Waiting:
    """A row as admission reads it."""
    return Waiting(
        id=row.pk, source=row.source, fingerprint=row.fingerprint, starts_at=row.starts_at, ends_at=row.ends_at,
        state=row.state, critical=row.critical, presumed=row.presumed, name=row.name, summary=row.summary, value=row.value,
        service_slug=row.service_slug, group_key=row.group_key, fired=row.fired,
        received_at=row.received_at, ahead=False, incident=row.incident_id, service=row.service_id,
        word=row.severity_label,
        resolved_at=row.resolved_at, back_at=row.back_at,
    )  # fmt: skip

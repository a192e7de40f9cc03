"""Alerts as a source sends them, everything relevant visible in the test."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from incidentdesk.kernel import clock
from oncall import alerts
from oncall.hooks.alertmanager import parse
from people import tokens
from people.models import User
from tests.people.factories import make_user

GROUP = '{}:{service="ledger"}'
ZERO = "0001-01-01T00:00:00Z"


def alert(
    name: str = "WriteErrors",
    *,
    since: datetime,
    until: datetime | None = None,
    severity: str = "critical",
    service: str = "ledger",
    fingerprint: str = "",
    **labels: str,
) -> dict[str, Any]:
    """One alert of a notification; with `until` it is resolved."""
    return {
        "status": "resolved" if until else "firing",
        "labels": {"alertname": name, "service": service, "severity": severity, **labels},
        "annotations": {"summary": f"{name} is high"},
        "startsAt": zulu(since),
        "endsAt": zulu(until) if until else ZERO,
        "generatorURL": "",
        "fingerprint": fingerprint or f"fp-{name}-{service}",
    }


def body(*told: Mapping[str, Any], group: str = GROUP, by: str = "", left_out: int = 0) -> bytes:
    """A notification of these alerts; `by` is what its sender calls itself."""
    said = {"version": "4", "groupKey": group, "status": "firing", "alerts": list(told)}
    return json.dumps({**said, "externalURL": by, "truncatedAlerts": left_out}).encode()


def zulu(at: datetime) -> str:
    """A time as Go prints it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def make_source(
    now: datetime, *scopes: str, user: User | None = None, lasts_until: datetime | None = None
) -> str:
    """The token of a machine that may send alerts; without an end given it lives by the database's clock, as the hook asks."""
    machine = user or make_user("Monitoring", roles=(), is_machine=True)
    made_at = now if lasts_until else clock.now()
    return tokens.make(
        machine, name="alertmanager", scopes=scopes or ["alerts:write"], now=made_at, expires_at=lasts_until
    )[0]


def receive(
    token: str, *told: Mapping[str, Any], group: str = GROUP, by: str = "", left_out: int = 0
) -> alerts.Stored:
    """Store a notification as the hook does."""
    return alerts.store(token, parse(body(*told, group=group, by=by, left_out=left_out)).alerts)

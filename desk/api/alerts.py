"""The alerts of an incident and the pages they sent; warnings without one. Numbers of alerts and pages are handles for acts on them."""

from typing import Any

from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

from desk.api.wire import time
from incidents.models import Incident
from incidents.protocol.words import STORED
from oncall import labels, senders, unattached
from oncall.models import Alert, Page


def whole(incident: Incident) -> dict[str, Any]:
    """Alerts and pages in the order they came."""
    alerts = list(Alert.objects.filter(incident=incident).select_related("service").order_by("pk"))
    pages = Page.objects.filter(incident=incident).select_related("user").order_by("pk")
    apart = labels.apart((each.pk, each.name, each.payload.get("labels", {})) for each in alerts)
    return {
        "alerts": [_alert(each, apart[each.pk]) for each in alerts],
        "pages": [_page(each) for each in pages],
    }


def warnings(*, before: int | None, limit: int) -> dict[str, Any]:
    """Warnings that fire and are on no incident, as the Desk lists them, the newest first."""
    stored = [word for word, meaning in senders.words().known.items() if meaning == STORED]
    alone = RawSQL(unattached.firing(Alert._meta.db_table), [], output_field=BooleanField())  # noqa: S611  (our own text)
    found = Alert.objects.filter(alone).exclude(severity_label__in=stored).select_related("service")
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found.order_by("-pk")[: limit + 1])
    apart = labels.apart((each.pk, each.name, each.payload.get("labels", {})) for each in rows)
    return {
        "warnings": [_alert(each, apart[each.pk]) for each in rows[:limit]],
        "next": rows[limit - 1].pk if len(rows) > limit else None,
    }


def _alert(alert: Alert, apart: labels.Told) -> dict[str, Any]:
    return {
        "alert": alert.pk,
        "source": alert.source,
        "fingerprint": alert.fingerprint,
        "name": alert.name,
        "summary": alert.summary,
        "value": alert.value,
        "labels": alert.payload.get("labels", {}),
        "labels_left_out": alert.payload.get("left_out", {}).get("labels", 0),
        "apart": dict(apart),
        "source_url": alert.generator_url or None,
        "runbook_url": alert.runbook_url or None,
        "service": alert.service.slug if alert.service else None,
        "state": alert.state,
        "critical": alert.critical,
        "starts_at": time(alert.starts_at),
        "ends_at": time(alert.ends_at),
        "sender": alert.sender or None,
        "received_at": time(alert.received_at),
        "heard_at": time(alert.heard_at),
        "resolved_at": time(alert.resolved_at),
        "count": alert.count,
        "left_out": alert.left_out,
    }


def _page(page: Page) -> dict[str, Any]:
    return {
        "page": page.number,
        "user": {"uid": str(page.user.uid), "name": page.user.name},
        "call": page.call,
        "level": page.level,
        "sent_at": time(page.sent_at),
        "acknowledged_at": time(page.acknowledged_at),
    }

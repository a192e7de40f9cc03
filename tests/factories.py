"""Smallest valid rows, everything relevant visible in the test."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from comms import outbox
from desk.flows import ACTS, Answer, declare
from desk.forms.incident import DeclareForm
from incidents import lifecycle
from incidents import record as records
from incidents.models import Client, Incident, Service
from incidents.protocol import Draft
from oncall import pages
from people.models import Team, User
from tests.people.factories import make_team, make_user

# The night the clocks change in America: what must hold by the wall holds here too.
T0 = datetime(2026, 3, 8, 6, 47, tzinfo=UTC)
_numbers = itertools.count(1)


def minutes(count: float) -> timedelta:
    """Minutes as a difference of times."""
    return timedelta(minutes=count)


def make_service(name: str = "Ledger", *, team: Team | None = None, **fields: Any) -> Service:
    """A service of a team."""
    return Service.objects.create(
        name=name, slug=name.lower(), team=team or make_team(f"Team {next(_numbers)}"), **fields
    )


def make_client(name: str = "Kestrel Bank", **fields: Any) -> Client:
    """A client with one contact."""
    slug = name.lower().replace(" ", "-")
    return Client.objects.create(
        name=name, slug=slug, **{"contact_emails": [f"ops@{slug}.example"], **fields}
    )


def commander(name: str = "Sarah") -> User:
    """Somebody who may take command."""
    return make_user(name=name, roles=("ic", "engineer"))


def make_incident(
    *,
    by: User | None = None,
    severity: int = 1,
    declared_at: datetime = T0,
    service: Service | None = None,
    **fields: Any,
) -> Incident:
    """An incident declared by hand through the real flow."""
    by = by or commander(f"Sarah {next(_numbers)}")
    service = service or Service.objects.first() or make_service()
    form = DeclareForm(severity=severity, symptom="writes fail", services=[service.slug], **fields)
    answer = declare(form, by=by, request_id=new_id(), now=declared_at)
    return Incident.objects.get(key=answer.incident)


def make_paged(*ladder: User, at: datetime = T0, presumed: int = 1, **opening: Any) -> Incident:
    """A record that a critical alert opened at `at`, the first of `ladder` paged."""
    service = make_service(f"Service {next(_numbers)}", team=make_team("On call", people=ladder))
    with transaction.atomic():
        wanted = lifecycle.Opening(
            title="Writes fail",
            services=[service],
            alert_fired_at=at,
            source="alert",
            presumed=presumed,
            **opening,
        )
        record = lifecycle.open_record(wanted, by=None, now=at)
        record.add(Draft("alert.fired", {"alert": 1, "critical": True}))
        record.add(Draft("page.sent", {"pages": [[1, ladder[0].pk]], "call": "chain", "level": 1}))
        records.save([record], now=at)
        planned = pages.plan(
            record.id, record.uid, record.key, record.title, [(1, ladder[0].pk)], "chain", 1, now=at
        )
        outbox.put(pages.store([planned], now=at), now=at)
    return Incident.objects.get(pk=record.id)


def new_id() -> str:
    """A fresh request id."""
    return str(uuid.uuid4())


def do(incident: Incident, noun: str, by: User, now: datetime, **fields: Any) -> Answer:
    """One act through its flow, with a fresh request id."""
    flow = ACTS[noun]
    answer = flow(incident.pk, flow.form(**fields), by=by, request_id=new_id(), now=now)
    incident.refresh_from_db()
    return answer

"""The room as one person reads it at one instant, for tests."""

from datetime import datetime

from django.db import transaction

from desk.room.load import begin
from desk.room.shapes import Banner
from desk.room.view import Room, whole
from incidents import lifecycle, record
from incidents.models import Incident, Service
from incidents.protocol import Draft
from people.models import User
from tests.factories import T0, make_service


def room_of(incident: Incident, viewer: User, now: datetime) -> Room:
    """The whole room at `now`."""
    return whole(begin(Incident.objects.get(pk=incident.pk), viewer, now=now, tick=None))


def banner(room: Room, name: str) -> Banner | None:
    """A banner by its id."""
    return next((each for each in room.banners if each.id == name), None)


def by_alert(owner: User, *, now: datetime = T0, service: Service | None = None) -> Incident:
    """A record that an alert opened, one person paged."""
    with transaction.atomic():
        opening = lifecycle.Opening(
            title="writes fail", services=[service or make_service("Pager")], alert_fired_at=now, source="alert",
            presumed=1, owner=owner.pk,
        )  # fmt: skip
        opened = lifecycle.open_record(opening, by=None, now=now)
        opened.add(
            Draft("alert.fired", {"alert": 1, "critical": True, "presumed": 1}, texts={"name": "WriteErrors"})
        )
        opened.add(Draft("page.sent", {"pages": [[1, owner.pk]], "call": "chain", "level": 1}))
        record.save([opened], now=now)
    return Incident.objects.get(pk=opened.id)


def add(incident: Incident, *drafts: Draft, now: datetime) -> Incident:
    """Entries on a record, in one transaction, past every flow."""
    with transaction.atomic():
        held = record.load(incident.pk, now=now)
        for draft in drafts:
            held.add(draft)
        record.save([held], now=now)
    incident.refresh_from_db()
    return incident

"""Seat and Change rows, and words for the search: what queries ask for, brought up to date from the state."""

from datetime import datetime

from django.db import connection

from incidentdesk.kernel.stamps import moment
from incidents.models import Change, Seat
from incidents.protocol.state import ChangeState, force
from incidents.record import Record


def project(record: Record, *, now: datetime) -> None:
    """Bring the rows of one incident up to what its state says; costs nothing where neither changed."""
    if record.state["seats"] is not record.before["seats"]:
        _seats(record, now)
    if record.state["changes"] is not record.before["changes"]:
        _changes(record)


def _seats(record: Record, now: datetime) -> None:
    before, after = record.before["seats"], record.state["seats"]
    gone = [seat for seat, held in before.items() if after.get(seat, {}).get("seq") != held["seq"]]  # type: ignore[call-overload]  # a missing seat reads as an empty one
    Seat.objects.filter(incident_id=record.id, role__in=gone, ended_at=None).update(ended_at=now)
    Seat.objects.bulk_create(
        Seat(incident_id=record.id, role=seat, user_id=held["user"], started_at=moment(held["since"]))
        for seat, held in after.items()
        if before.get(seat, {}).get("seq") != held["seq"]  # type: ignore[call-overload]  # as above
    )


def _changes(record: Record) -> None:
    for number, change in record.state["changes"].items():
        if record.before["changes"].get(number) is not change:
            Change.objects.update_or_create(
                incident_id=record.id, number=int(number), defaults=_columns(record, change)
            )


def _columns(record: Record, change: ChangeState) -> dict[str, object]:
    decided = change["state"] in ("approved", "rejected")
    return {
        "state": change["state"],
        "requester_id": change["requester"],
        "approver_id": change["approver"],
        "implementer_id": change["implementer"],
        # The severity that decides who may approve: of now, and once it is approved of that moment.
        "major": (force(record.state) if change["approver"] is None else change.get("under")) in (1, 2),
        "unauthorised": change.get("unauthorised", False),
        "effect": change.get("effect"),
        "proposed_at": moment(change["at"]),
        **({"decided_at": record.now} if decided else {}),
    }


INDEX = """
UPDATE incidents_incident i SET words =
  setweight(to_tsvector('simple', i.key || ' ' || replace(i.key, '-', ' ')), 'A')
  || setweight(to_tsvector('english', i.title), 'A')
  || to_tsvector('english', coalesce((SELECT string_agg(s.name, ' ') FROM incidents_service s
       JOIN incidents_incident_services x ON x.service_id = s.id WHERE x.incident_id = i.id), '')
     || ' ' || coalesce((SELECT string_agg(c.name, ' ') FROM incidents_client c
       JOIN incidents_incident_clients y ON y.client_id = c.id WHERE y.incident_id = i.id), '')
     || ' ' || coalesce((SELECT string_agg(t.body->>'symptom', ' ') FROM incidents_entrytext t
       WHERE t.incident_id = i.id), '')
     || ' ' || %s)
WHERE i.id = %s
"""


def index_words(incident: int, extra: str = "") -> None:
    """Make an incident findable by key, title, services, clients, its symptoms and `extra`, which is not stored yet."""
    with connection.cursor() as cursor:
        cursor.execute(INDEX, [extra, incident])

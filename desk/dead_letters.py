"""A message that was given up stands on the record of its incident, and administrators hear of its destination."""

from datetime import datetime
from typing import Final

from django.conf import settings

from comms.models import Message
from desk import administrators
from incidents import record as records
from incidents.protocol import Draft

THREAD: Final = "desk.dead"
SUBJECT: Final = "A message of the Incident Desk was given up"
BODY: Final = """The Incident Desk gave up sending {what} to {dest}.

Reason: {why}
{where}

You hear of one destination at most once an hour. All messages that were given up: {listed}
"""
LISTED: Final = "/administration/comms/message/"


def note(message: Message, now: datetime) -> None:
    """Record `message.dead` on its incident, if it has one, and tell administrators; in the transaction that settles it."""
    if message.incident_id is not None:
        record = records.load(message.incident_id, now=now)
        record.add(Draft("message.dead", {"message": message.pk}))
        records.save([record], now=now)
    _tell(message, now)


def _tell(message: Message, now: datetime) -> None:
    if message.payload.get("thread") == THREAD:
        return  # where this word itself cannot be sent, another one would not be either
    key = message.incident.key if message.incident else ""
    body = BODY.format(
        what="a page" if message.is_page else f"{message.get_channel_display()} message",
        dest=message.dest,
        why=message.last_error or "unknown",
        where=f"Send it again from the incident: {settings.BASE_URL}/incidents/{key}/"
        if key
        else "It belongs to no incident.",
        listed=f"{settings.BASE_URL}{LISTED}",
    )
    fact = f"dead:{message.lane[:150]}:{now:%Y-%m-%dT%H}"
    administrators.tell(fact, subject=SUBJECT, body=body, thread=THREAD, now=now)

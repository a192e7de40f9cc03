"""A message that was given up stands on the record of its incident, where people see it and can send it again."""

from datetime import datetime

from comms.models import Message
from incidents import record as records
from incidents.protocol import Draft


def note(message: Message, now: datetime) -> None:
    """Record `message.dead`, in the transaction that settles the message; one that belongs to no incident is left out."""
    if message.incident_id is None:
        return
    record = records.load(message.incident_id, now=now)
    record.add(Draft("message.dead", {"message": message.pk}))
    records.save([record], now=now)

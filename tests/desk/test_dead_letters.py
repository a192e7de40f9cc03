"""People see on the incident that a message was given up, once, and can send it again."""

from datetime import timedelta

import pytest

from comms import outbox
from comms.channels import Outcome, Result
from comms.models import Channel, Message
from comms.outbox import NewMessage
from incidents.models import TimelineEntry
from tests.factories import T0, make_incident

pytestmark = pytest.mark.django_db

LATER = T0 + timedelta(minutes=5)


def give_up(incident_id: int | None) -> Message:
    outbox.put([NewMessage("a", Channel.EMAIL, "x@desk.example", incident_id=incident_id)], now=LATER)
    message = next(
        row
        for row in outbox.claim(limit=100, now=LATER, lease=timedelta(seconds=30))
        if row.dedupe_key == "a"
    )
    outbox.settle(message, Outcome(Result.REFUSED, "The recipient is not a mail address."), now=LATER)
    return message


def test_a_message_given_up_is_an_entry_of_its_incident() -> None:
    incident = make_incident()
    before = incident.rev

    message = give_up(incident.pk)

    incident.refresh_from_db()
    entry = TimelineEntry.objects.get(incident=incident, kind="message.dead")
    assert entry.payload == {"message": message.pk}
    assert entry.seq == incident.seq
    assert incident.rev > before


def test_one_that_belongs_to_no_incident_is_given_up_all_the_same() -> None:
    message = give_up(None)

    message.refresh_from_db()
    assert message.state == "dead"
    assert TimelineEntry.objects.filter(kind="message.dead").count() == 0

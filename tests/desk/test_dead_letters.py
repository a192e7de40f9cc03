"""People see on the incident that a message was given up, once, and can send it again."""

from datetime import timedelta

import pytest

from comms import outbox
from comms.channels import Outcome, Result
from comms.models import Channel, Message
from comms.outbox import NewMessage
from desk import dead_letters
from incidents.models import TimelineEntry
from tests.desk.doors import signed_in
from tests.factories import T0, make_incident
from tests.people.factories import PASSWORD, make_user

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


def kill(key: str, dest: str, *, at: int = 0, incident_id: int | None = None) -> None:
    """Put a message and let it be refused for good."""
    now = LATER + timedelta(minutes=at)
    outbox.put([NewMessage(key, Channel.EMAIL, dest, incident_id=incident_id)], now=now)
    for message in outbox.claim(limit=100, now=now, lease=timedelta(seconds=30)):
        if message.dedupe_key == key:
            outbox.settle(message, Outcome(Result.REFUSED, "No such person."), now=now)


def words() -> list[str]:
    """What administrators were told, oldest first."""
    found = Message.objects.filter(payload__thread=dead_letters.THREAD).order_by("pk")
    return [message.payload["body"] for message in found]


def test_administrators_hear_what_could_not_be_delivered_to_whom_and_why() -> None:
    make_user("Ada", roles=["admin"], email="ada@desk.example")
    incident = make_incident()

    kill("a", "x@desk.example", incident_id=incident.pk)

    (told,) = words()
    assert "e-mail message to x@desk.example" in told
    assert "Reason: No such person." in told
    assert f"/incidents/{incident.key}/" in told


def test_of_one_destination_they_hear_at_most_once_an_hour() -> None:
    make_user("Ada", roles=["admin"], email="ada@desk.example")

    for number in range(5):
        kill(f"a{number}", "x@desk.example", at=number)
    first = len(words())
    kill("later", "x@desk.example", at=61)

    assert (first, len(words())) == (1, 2)


def test_where_the_word_itself_cannot_be_delivered_no_other_follows() -> None:
    make_user("Ada", roles=["admin"], email="ada@desk.example")
    kill("a", "x@desk.example")
    at = LATER + timedelta(hours=2)

    (word,) = outbox.claim(limit=100, now=at, lease=timedelta(seconds=30))
    outbox.settle(word, Outcome(Result.REFUSED, "No such person."), now=at)

    word.refresh_from_db()
    assert word.state == "dead"
    assert len(words()) == 1


def test_administrators_see_on_the_desk_and_in_a_list_what_was_given_up() -> None:
    ada = make_user("Root", roles=("admin",), password=PASSWORD)
    kill("a", "gone@desk.example")
    browser = signed_in(ada)

    desk = browser.get("/").content.decode()
    browser.post("/account/confirm/", {"password": PASSWORD, "next": "/administration/"})
    listed = browser.get(dead_letters.LISTED).content.decode()

    assert "1 message could not be delivered." in desk
    assert "gone@desk.example" in listed and "No such person." in listed

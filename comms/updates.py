"""Publish an update: its texts, who gets them, and what became of each (COM-03, COM-05, COM-35)."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Max, QuerySet

from comms import outbox, threads
from comms.composition import OVER, STATUS_WORDS, UpdateFields, naming_next
from comms.models import Audience, Channel, Message, Priority, State, Update, UpdateText
from comms.outbox import NewMessage
from incidentdesk.kernel.errors import Invalid
from incidentdesk.kernel.text import clean_line, clean_text
from incidents.models import Incident
from people.models import User

FIELD_LIMIT: Final = 4_000
BODY_LIMIT: Final = 16_000
SUBJECT_LIMIT: Final = 250


@dataclass(frozen=True)
class Recipient:
    """One destination of one audience. `client` is set where it speaks for a client."""

    channel: Channel
    dest: str
    client: int | None = None


def cleaned(fields: UpdateFields, *, now: datetime, latest_next: datetime | None = None) -> UpdateFields:
    """The fields as they may be stored. `latest_next` is the latest time the cadence lets one promise.

    Raises Invalid with a sentence per field: a missing impact, and, unless it is over, a next time that is missing, past or
    too late (COM-05, CLK-15).
    """
    fields = replace(
        fields,
        impact=_clean(fields.impact, "The impact"),
        know=_clean(fields.know, "What we know"),
        doing=_clean(fields.doing, "What we are doing"),
        shareable=_clean(fields.shareable, "What may be shared"),
        business=_clean(fields.business, "The business impact"),
        decisions=_clean(fields.decisions, "Decisions needed"),
        eta=clean_line(fields.eta, name="The estimate"),
    )
    wrong = _wrong(fields, now, latest_next)
    if wrong:
        raise Invalid("The update was not sent; your text is kept. " + " ".join(wrong.values()), fields=wrong)
    return fields


def _clean(text: str, name: str) -> str:
    return clean_text(text, name=name, limit=FIELD_LIMIT).strip()


def _wrong(fields: UpdateFields, now: datetime, latest_next: datetime | None) -> dict[str, str]:
    wrong: dict[str, str] = {}
    if fields.status not in STATUS_WORDS:
        wrong["status"] = "Choose one of the incident's statuses."
    if not fields.impact:
        wrong["impact"] = "Say what people can and cannot do, even if the cause is not known."
    if fields.restored_percent is not None and not 0 <= fields.restored_percent <= 100:
        wrong["restored_percent"] = "The restored share lies between 0 and 100 percent."
    if fields.next_at is None:
        if fields.status not in OVER:
            wrong["next_at"] = "Name the time of the next update."
    elif fields.next_at <= now:
        wrong["next_at"] = f"{fields.next_at:%H:%M} UTC is past; choose a time to come for the next update."
    elif latest_next is not None and fields.next_at > latest_next:
        wrong["next_at"] = (
            f"The next update is due by {latest_next:%H:%M} UTC at the latest; choose that or sooner."
        )
    return wrong


def recipients(audience: Audience, incident: Incident) -> list[Recipient]:
    """Who gets a text to `audience`, each destination once (clients: once per client). The public reads it here only."""
    if audience is Audience.CLIENTS:
        found: list[Recipient] = []
        for client in incident.clients.order_by("pk"):
            found += [Recipient(Channel.EMAIL, address, client.pk) for address in client.contact_emails]
            if client.webhook_url:
                found.append(Recipient(Channel.WEBHOOK, client.webhook_url, client.pk))
        return list(dict.fromkeys(found))
    if audience is Audience.PUBLIC:
        return []
    people = _executives() if audience is Audience.EXECUTIVES else _responders(incident)
    return [Recipient(Channel.EMAIL, address) for address in dict.fromkeys(people)]


def _executives() -> list[str]:
    return list(_reachable().filter(roles__contains=["executive"]).values_list("email", flat=True))


def _responders(incident: Incident) -> list[str]:
    """Everyone in a seat, the owner, and the list of the teams whose services are hit, as far as they may enter the room:
    a responders' text says what the room says."""
    wanted = {incident.owner_id, incident.ic_id}
    wanted |= set(incident.seats.filter(ended_at=None).values_list("user_id", flat=True))
    wanted |= set(incident.services.values_list("team__steps__user_id", flat=True))
    inside = _reachable().filter(pk__in=[pk for pk in wanted if pk is not None], sees_room=True)
    return list(inside.values_list("email", flat=True))


def _reachable() -> QuerySet[User]:
    return User.objects.filter(is_active=True, is_machine=False).exclude(email="").order_by("pk")


def publish(
    incident: Incident,
    said: Mapping[Audience, UpdateFields],
    texts: Mapping[Audience, tuple[str, str]],
    *,
    by: User | None,
    now: datetime,
) -> Update:
    """Store the update with its exact texts and put one message per recipient. Call it with the incident locked.

    `said` is what each audience is told, from `cleaned`, with one promised time for all; `texts` are subject and body per
    audience, as rendered or as edited by hand; the subject is that of the audience's thread. A text that does not name the next time gets the line that does. The
    update's status is the incident's own; each text's is the one it tells, and a repeated text may tell another.
    """
    if not said:
        raise Invalid(
            "Choose at least one audience. Nothing was sent.", fields={"audiences": "Choose at least one."}
        )
    number = (Update.objects.filter(incident=incident).aggregate(top=Max("number"))["top"] or 0) + 1
    first = next(iter(said.values()))
    update = Update.objects.create(
        incident=incident,
        number=number,
        author=by,
        status=incident.status,
        sent_at=now,
        next_at=first.next_at,
    )
    rows: list[NewMessage] = []
    places = threads.places({(incident.pk, audience.value) for audience in said}, now=now, sends=False)
    for audience, fields in said.items():
        subject, body = places[incident.pk, audience.value].subject, texts[audience][1]
        text = UpdateText.objects.create(
            update=update,
            audience=audience,
            subject=clean_line(subject, name="The subject", limit=SUBJECT_LIMIT),
            body=clean_text(naming_next(body, fields, now=now), name="The text", limit=BODY_LIMIT),
            data=fields.as_json(),
        )
        rows += [_message(incident, update, text, recipient) for recipient in recipients(audience, incident)]
    outbox.put(rows, now=now)
    return update


def _message(incident: Incident, update: Update, text: UpdateText, recipient: Recipient) -> NewMessage:
    target = hashlib.sha256(f"{recipient.client or ''}\n{recipient.dest}".encode()).hexdigest()[:24]
    return NewMessage(
        key=f"update:{incident.uid}:{update.number}:{text.audience}:{recipient.channel.value}:{target}",
        channel=recipient.channel,
        dest=recipient.dest,
        payload=_mail(incident, text)
        if recipient.channel is Channel.EMAIL
        else _notice(incident, update, text, recipient),
        incident_id=incident.pk,
        audience=text.audience,
        text_id=text.pk,
        priority=Priority.UPDATE,
    )


def _mail(incident: Incident, text: UpdateText) -> dict[str, Any]:
    return {"thread": f"{incident.uid}.{text.audience}"}


def _notice(incident: Incident, update: Update, text: UpdateText, recipient: Recipient) -> dict[str, Any]:
    # An allow-list of what a client may know; subject and text of the client audience are added when it is sent.
    return {
        "type": "incident.update",
        "timestamp": update.sent_at.isoformat(),
        "client": recipient.client,
        "data": {
            "incident": str(incident.uid),
            "update": update.number,
            "status": text.data["status"],
            "sent_at": update.sent_at.isoformat(),
            "next_update_at": update.next_at.isoformat() if update.next_at else None,
        },
    }


def last_texts(incident: Incident) -> dict[Audience, UpdateText]:
    """The last text to each audience that was sent any, with its update."""
    rows = (
        UpdateText.objects.filter(update__incident=incident)
        .select_related("update")
        .order_by("audience", "-update__number")
        .distinct("audience")
    )
    return {Audience(row.audience): row for row in rows}


def reached(update: Update) -> dict[Audience, int]:
    """How many messages carry each text of an update; none where it is kept here alone."""
    counts = update.texts.annotate(sent=Count("messages")).values_list("audience", "sent")
    return {Audience(audience): sent for audience, sent in counts}


def last_fields(incident: Incident) -> tuple[UpdateFields, datetime] | None:
    """The fields that were written last and when they went out, to start the next draft.

    "No change" repeats to one audience what may be older than the words that others had since.
    """
    text = (
        UpdateText.objects.filter(update__incident=incident, data__unchanged_since=None)
        .select_related("update")
        .order_by("-update__number", "pk")
        .first()
    )
    if text is None:
        return None
    return replace(UpdateFields.from_json(text.data), own=""), text.update.sent_at


@dataclass(frozen=True)
class Delivery:
    """One destination's state, for people: `words` says it in a line."""

    message_id: int
    channel: str
    dest: str
    state: State
    words: str
    sent_at: datetime | None


@dataclass(frozen=True)
class TextDelivery:
    """One audience of an update: what it was told, how many got it so far, and each destination."""

    text: UpdateText
    counts: Mapping[str, int]
    deliveries: Sequence[Delivery]

    @property
    def sentence(self) -> str:
        if not self.deliveries:
            return "Stored; it goes to nobody by message."
        return ", ".join(f"{count} {State(state).label}" for state, count in sorted(self.counts.items()))


def delivery_summary(update: Update) -> list[TextDelivery]:
    """Each audience's exact text with its delivery result, in two queries."""
    summary = []
    for text in update.texts.prefetch_related("messages"):
        deliveries = [_delivery(message) for message in sorted(text.messages.all(), key=lambda row: row.pk)]
        summary.append(TextDelivery(text, Counter(row.state.value for row in deliveries), deliveries))
    return summary


def _delivery(message: Message) -> Delivery:
    state = State(message.state)
    words: str = state.label
    if state in (State.PENDING, State.LEASED) and message.last_error:
        words = f"trying again after {message.attempt} tries: {message.last_error}"
    elif state in (State.DEAD, State.KEPT) and message.last_error:
        words = f"{state.label}: {message.last_error}"
    return Delivery(message.pk, message.channel, message.dest, state, words, message.sent_at)

"""Update: a text to audiences, kept as sent. Message: one row of the outbox. Breaker: a destination that is resting."""

import uuid
from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q

# Names of messages on the wire come from their dedupe key, so the same fact has the same id in every copy of the desk.
WIRE_NAMES: Final = uuid.UUID("5b0f6f0e-6a86-5d0c-9d36-6f2c6a3f1d55")


class Audience(models.TextChoices):
    RESPONDERS = "responders", "Responders"
    EXECUTIVES = "executives", "Executives"
    CLIENTS = "clients", "Clients"
    PUBLIC = "public", "Public"


class Channel(models.TextChoices):
    EMAIL = "email", "e-mail"
    WEBHOOK = "webhook", "webhook"
    LOG = "log", "log"


class Priority(models.IntegerChoices):
    """Lower goes first. A page wakes a person and waits for nobody; a notice is for one person who owes an act."""

    PAGE = 0, "page"
    NOTICE = 3, "notice"
    UPDATE = 5, "update"


class State(models.TextChoices):
    PENDING = "pending", "waiting"
    LEASED = "leased", "being sent"
    SENT = "sent", "sent"
    DEAD = "dead", "given up"
    SIMULATED = "simulated", "simulated, not sent"
    KEPT = "kept", "kept here, not sent"


class Update(models.Model):
    """One update of an incident; its words stand in UpdateText, one row an audience. `sent_at` is the flow's now (UTC).

    `status` is the incident's at that time; what an audience was told stands in its text.
    """

    incident = models.ForeignKey("incidents.Incident", on_delete=models.PROTECT, related_name="updates")
    number = models.PositiveIntegerField()
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    status = models.CharField(max_length=20)
    sent_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["incident_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "number"], name="update_numbered_once_per_incident"),
            models.CheckConstraint(
                condition=Q(next_at=None) | Q(next_at__gt=F("sent_at")), name="update_promises_a_time_to_come"
            ),
        ]

    def __str__(self) -> str:
        return f"update {self.number}"


class UpdateText(models.Model):
    """What one audience was told, to the letter, and in `data` the fields it was made of."""

    update = models.ForeignKey(Update, on_delete=models.PROTECT, related_name="texts")
    audience = models.CharField(max_length=20, choices=Audience.choices)
    subject = models.CharField(max_length=300)
    body = models.TextField()
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["update_id", "id"]
        constraints = [
            models.UniqueConstraint(fields=["update", "audience"], name="update_one_text_per_audience"),
            models.CheckConstraint(
                condition=Q(audience__in=Audience.values), name="update_text_audience_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.update_id} to {self.audience}"


class Thread(models.Model):
    """The mails of one incident to one audience under one subject. Only comms.threads writes here."""

    incident = models.ForeignKey("incidents.Incident", on_delete=models.PROTECT, related_name="threads")
    audience = models.CharField(max_length=20, choices=Audience.choices)
    number = models.PositiveIntegerField()
    severity = models.PositiveSmallIntegerField(null=True)
    subject = models.CharField(max_length=250)
    begun_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "audience", "number"], name="thread_numbered_once"),
        ]

    def __str__(self) -> str:
        return self.subject


class Message(models.Model):
    """One thing for one destination. Its key never repeats; only comms.outbox writes its state.

    `lane` is the bulkhead: messages of a lane go out one after the other and share a breaker. `faults` counts tries that
    failed in our own code. A message of an update finds its words in `text`; any other carries them in `payload`.
    One that `bundles` may leave in one mail with others to the same address: those have the same `bundle`.
    """

    dedupe_key = models.CharField(max_length=200)
    incident = models.ForeignKey(
        "incidents.Incident", null=True, on_delete=models.PROTECT, related_name="messages"
    )
    text = models.ForeignKey(UpdateText, null=True, on_delete=models.PROTECT, related_name="messages")
    channel = models.CharField(max_length=10, choices=Channel.choices)
    dest = models.CharField(max_length=2000)
    lane = models.CharField(max_length=300)
    payload = models.JSONField(default=dict)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.UPDATE)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    due_at = models.DateTimeField()
    thread = models.ForeignKey(Thread, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    announces = models.ForeignKey(
        Thread,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text="The thread that begins after this mail, for another severity.",
    )
    bundles = models.BooleanField(default=False, db_default=False)
    bundle = models.BigIntegerField(null=True, help_text="The first message of the mail it left in last.")
    attempt = models.PositiveIntegerField(default=0)
    faults = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    first_attempt_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="pending"), name="message_due"),
            models.Index(fields=["lease_until"], condition=Q(state="leased"), name="message_lease_ends"),
            models.Index(fields=["incident"], condition=Q(state="dead"), name="message_dead"),
            models.Index(fields=["dest"], condition=Q(state="pending", bundles=True), name="message_bundles"),
            models.Index(fields=["bundle"], condition=Q(bundle__isnull=False), name="message_bundle"),
        ]
        constraints = [
            # Not `unique=True`, which would keep a second index, for LIKE, that nobody asks.
            models.UniqueConstraint(fields=["dedupe_key"], name="message_put_once"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="message_state_known"),
            models.CheckConstraint(condition=Q(channel__in=Channel.values), name="message_channel_known"),
            models.CheckConstraint(
                condition=Q(state="leased", lease_until__isnull=False)
                | (~Q(state="leased") & Q(lease_until=None)),
                name="message_leased_iff_lease",
            ),
            models.CheckConstraint(
                condition=~Q(state="sent") | Q(sent_at__isnull=False), name="message_sent_has_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.dedupe_key}"

    @property
    def uid(self) -> str:
        """The id receivers see, `webhook-id` and Message-ID: the same at every try and every resend."""
        return f"msg_{uuid.uuid5(WIRE_NAMES, self.dedupe_key).hex}"

    @property
    def is_page(self) -> bool:
        """Whether it wakes a person."""
        return self.priority == Priority.PAGE


class Way(models.Model):
    """How a person is paged, and from when on the next mail of pages may go there. Only comms.bundles writes here."""

    channel = models.CharField(max_length=10, choices=Channel.choices)
    dest = models.CharField(max_length=2000)
    free_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "dest"], name="way_once")]

    def __str__(self) -> str:
        return f"{self.channel} {self.dest}"


class Breaker(models.Model):
    """Failures in a row of one lane. From the fifth on it rests until `open_until`, then one message goes as a probe."""

    lane = models.CharField(max_length=300, primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    open_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.lane

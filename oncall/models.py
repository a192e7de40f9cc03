"""What comes in from monitoring and whom it woke: alerts, pages, the links that acknowledge them, refused bodies."""

from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

LINK_LIFE = timedelta(hours=72)
"""The longest life of a link that acknowledges a page (S15)."""


class Alert(models.Model):
    """One firing of one alert: the same source, fingerprint and start are the same alert, however often it is sent.

    Only `oncall.alerts` writes here. `fired` says that it was seen firing before it was seen resolved; `pending` that
    the record of an incident may have to hear of it. What `sender`, `resolved_*`, `back_at`, `same_as` and `past` are
    for stands in decision 54. All of `name`, `summary`, `value`, the links and `payload` say what was heard last.
    """

    class State(models.TextChoices):
        """Where it stands; `ended` is by hand, or because the source started it anew without resolving it."""

        FIRING = "firing"
        RESOLVED = "resolved"
        ENDED = "ended"

    source = models.CharField(max_length=80)
    fingerprint = models.CharField(max_length=64)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    sender = models.CharField(
        max_length=300,
        blank=True,
        db_default="",
        help_text="The `externalURL` of whoever told of this start first.",
    )
    state = models.CharField(max_length=8, choices=State)
    resolved_at = models.DateTimeField(
        null=True, help_text="When its resolve was received, by our clock; empty while it fires."
    )
    resolved_by = ArrayField(
        models.CharField(max_length=300),
        default=list,
        db_default=[],
        help_text="The senders that resolved it.",
    )
    back_at = models.DateTimeField(
        null=True,
        help_text="When it was last told firing since its resolve, by a sender that did not resolve it.",
    )
    same_as = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text="The alert that this start of another sender is the same outage as; what is told of it goes there.",
    )
    past = models.BigIntegerField(
        default=0,
        db_default=0,
        help_text="0; its own id once it went on after its incident was over, in a new row.",
    )
    critical = models.BooleanField()
    severity_label = models.CharField(max_length=40, blank=True)
    presumed = models.PositiveSmallIntegerField(
        null=True, help_text="The severity its rule asks for, by the label `sev`."
    )
    name = models.CharField(max_length=200)
    summary = models.TextField(blank=True)
    value = models.CharField(max_length=100, blank=True)
    service_slug = models.CharField(max_length=80, blank=True, help_text="As the source names it.")
    service = models.ForeignKey(
        "incidents.Service", null=True, on_delete=models.SET_NULL, related_name="alerts"
    )
    group_key = models.CharField(max_length=300)
    generator_url = models.TextField(blank=True)
    runbook_url = models.TextField(blank=True, db_default="")
    payload = models.JSONField(
        default=dict, help_text="Labels and annotations; `left_out` says how many of them were not kept."
    )
    left_out = models.PositiveIntegerField(
        default=0, db_default=0, help_text="How many alerts of its group the last notification left out."
    )
    received_at = models.DateTimeField()
    heard_at = models.DateTimeField(null=True, help_text="When it was last told of, firing or resolved.")
    told = models.BigIntegerField(
        null=True, help_text="A digest of what was told while it fires; empty where that is not known."
    )
    rev = models.PositiveIntegerField(
        default=0,
        db_default=0,
        help_text="The incident's cursor when pages last had to show another reading.",
    )
    count = models.PositiveIntegerField(default=1)
    fired = models.BooleanField()
    again = models.BooleanField(default=False)
    pending = models.BooleanField()
    retry_at = models.DateTimeField(null=True)
    incident = models.ForeignKey(
        "incidents.Incident", null=True, on_delete=models.PROTECT, related_name="alerts"
    )

    class Meta:
        ordering = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["source", "fingerprint", "starts_at", "past"], name="alert_same_start_once_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["firing", "resolved", "ended"]), name="alert_state_known"
            ),
            models.CheckConstraint(
                condition=Q(presumed=None) | Q(presumed__range=(1, 4)), name="alert_presumed_1_to_4"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["source", "group_key", "id"], name="alert_pending", condition=Q(pending=True)
            ),
            models.Index(
                fields=["source", "group_key"],
                name="alert_group",
                condition=Q(incident__isnull=False, critical=True),
            ),
            models.Index(
                fields=["source", "fingerprint", "starts_at"],
                name="alert_of_another_sender",
                condition=Q(same_as__isnull=False),
            ),
            models.Index(
                fields=["service_slug"], name="alert_unattached", condition=Q(incident=None, state="firing")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} since {self.starts_at:%H:%M:%S}"


class Page(models.Model):
    """One person woken for one incident; `number` is that of the timeline's entry. Only `oncall.pages` writes here."""

    class Call(models.TextChoices):
        """Why: the next of the list, the whole list at once, or by hand."""

        CHAIN = "chain"
        ALL = "all"
        HAND = "hand"

    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.PROTECT, related_name="pages", db_index=False
    )
    number = models.PositiveIntegerField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="pages")
    level = models.PositiveSmallIntegerField(default=0)
    call = models.CharField(max_length=5, choices=Call)
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    sent_at = models.DateTimeField(
        help_text="At night a SEV-3 page is made at once and sent at opening time."
    )
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        ordering = ["incident_id", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["incident", "number"], name="page_number_once"),
            models.CheckConstraint(condition=Q(call__in=["chain", "all", "hand"]), name="page_call_known"),
            models.CheckConstraint(
                condition=Q(acknowledged_at=None, acknowledged_by=None)
                | Q(acknowledged_at__isnull=False, acknowledged_by__isnull=False),
                name="page_acknowledged_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"Page {self.number} of {self.incident_id}"


class AckLink(models.Model):
    """The right to acknowledge one page as one person without signing in, once, for at most 72 hours (S15)."""

    digest = models.CharField(max_length=64)
    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    page = models.PositiveIntegerField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(help_text="When the page goes out.")
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["incident", "page"], name="acklink_of_page")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["digest"], name="acklink_digest_once"),
            models.CheckConstraint(
                condition=Q(expires_at__lte=F("created_at") + LINK_LIFE), name="acklink_ends_within_72_hours"
            ),
        ]

    def __str__(self) -> str:
        return f"Link to page {self.page} of {self.incident_id}"


class SeverityWord(models.Model):
    """A word of severity that no protocol mapped when it came first. Only `oncall.unknown_words` writes here."""

    word = models.CharField(max_length=40, unique=True)
    alert = models.CharField(max_length=200, help_text="The name of the alert that came first with it.")
    source = models.CharField(max_length=80)
    first_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.word or "no word"


class Quarantine(models.Model):
    """A body, or one alert of it, that could not be read: kept for people to look at, never acted on (F28, S21).

    Only `oncall.quarantine` writes here. The same bytes with the same fault from one token are one row.
    """

    source = models.CharField(max_length=80)
    token = models.ForeignKey("people.ApiToken", null=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=300)
    position = models.CharField(max_length=120, blank=True)
    body = models.BinaryField()
    digest = models.CharField(max_length=64, db_default="", help_text="Of reason, position and body.")
    count = models.PositiveIntegerField(db_default=1)
    received_at = models.DateTimeField(help_text="When it came last.")

    class Meta:
        ordering = ["id"]
        indexes: ClassVar = [models.Index(fields=["received_at"], name="quarantine_by_age")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["token", "digest"], name="quarantine_same_piece_is_one_row"),
        ]

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"

"""What is stored of an incident: the catalogue, the record, its timeline and its deadlines.

The timeline is the truth; the columns of `Incident`, and `Seat` and `Change` rows, are projections of it for queries.
"""

import uuid
from typing import TYPE_CHECKING, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from incidentdesk.kernel.encrypted import EncryptedField
from incidents.fields import StateField
from people.models import Team, User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class ClientManager(models.Manager["Client"]):
    """Reads the secret of a client only where it is asked for: to decrypt it takes time, and few pages sign anything."""

    def get_queryset(self) -> "models.QuerySet[Client]":
        """All clients, without their secrets."""
        return super().get_queryset().defer("webhook_secret")


class Client(models.Model):
    """A customer organisation that is told about incidents; never a user of the desk."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=120, unique=True)
    slug = models.SlugField(unique=True)
    contact_emails = ArrayField(models.EmailField(), default=list, blank=True)
    webhook_url = models.URLField(blank=True)
    webhook_secret = EncryptedField(max_length=120, blank=True)
    former_names = models.JSONField(default=list, editable=False)
    retired_at = models.DateTimeField(null=True, editable=False)

    objects = ClientManager()

    def __str__(self) -> str:
        return self.name


class Service(models.Model):
    """An entry of the service catalogue."""

    name = models.CharField(max_length=120, unique=True)
    slug = models.SlugField(unique=True)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="services")
    critical_path = models.BooleanField(default=False)
    core_revenue = models.BooleanField(default=False)
    revenue_per_hour = models.PositiveIntegerField(default=0, help_text="In the organisation's currency.")
    bridge = models.CharField(max_length=300, blank=True, help_text="A link, a phone number or a room.")
    dashboards = models.JSONField(
        default=list, blank=True, help_text='[{"name": "...", "url": "..."}], in fixed order.'
    )
    dependencies: "models.ManyToManyField[Service, Service]" = models.ManyToManyField(
        "self", symmetrical=False, blank=True, related_name="dependents"
    )
    clients: "models.ManyToManyField[Client, Client]" = models.ManyToManyField(
        Client, blank=True, related_name="services"
    )
    former_names = models.JSONField(default=list, editable=False)
    retired_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return self.name


class ProtocolVersion(models.Model):
    """One protocol as it was loaded; an incident keeps the version it was opened under."""

    number = models.PositiveIntegerField(unique=True)
    text = models.TextField()
    digest = models.CharField(max_length=64, db_index=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return f"Protocol {self.number}"


class IncidentQuerySet(models.QuerySet["Incident"]):
    """Questions about incidents."""

    def visible_to(self, user: "User | AnonymousUser") -> Self:
        """The incidents whose war room a person may see: all, or none (deny by default)."""
        if not user.is_authenticated or not user.is_active or not user.sees_room:
            return self.none()
        return self

    def active(self) -> Self:
        """Not yet resolved; by business impact, then the oldest first."""
        return self.filter(kind="live").exclude(status__in=("resolved", "closed"))


class Incident(models.Model):
    """One incident: where its fold stands, and the columns that pages ask for."""

    class Kind(models.TextChoices):
        """What is real and what is practice."""

        LIVE = "live"
        DRILL = "drill"

    class Time(models.TextChoices):
        """By the wall, or driven by a replay."""

        WALL = "wall"
        DRIVEN = "driven"

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    key = models.CharField(max_length=24, unique=True)
    kind = models.CharField(max_length=5, choices=Kind, default=Kind.LIVE)
    time = models.CharField(max_length=6, choices=Time, default=Time.WALL)
    driven_now = models.DateTimeField(null=True, blank=True, help_text="The driver's last instant.")
    title = models.CharField(max_length=200)
    severity = models.PositiveSmallIntegerField(null=True, blank=True)
    presumed = models.PositiveSmallIntegerField(null=True, blank=True)
    status = models.CharField(max_length=16, default="open")
    owner = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    ic = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    protocol = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT, related_name="incidents")
    fold_version = models.PositiveSmallIntegerField(default=1)
    state = StateField(default=dict)
    seq = models.PositiveIntegerField(default=0)
    rev = models.PositiveIntegerField(default=0)
    head_hash = models.BinaryField(default=b"")
    opened_at = models.DateTimeField()
    alert_fired_at = models.DateTimeField()
    declared_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    next_update_at = models.DateTimeField(null=True, blank=True)
    waiting = models.PositiveSmallIntegerField(default=0, help_text="Changes that wait for an answer.")
    unanswered = models.BooleanField(default=False, help_text="Nobody answered any page (red everywhere).")
    words = SearchVectorField(null=True)
    services: "models.ManyToManyField[Service, Service]" = models.ManyToManyField(
        Service, related_name="incidents"
    )
    clients: "models.ManyToManyField[Client, Client]" = models.ManyToManyField(
        Client, blank=True, related_name="incidents"
    )
    follows = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="followed_by"
    )

    objects = IncidentQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(
                    status__in=(
                        "open",
                        "investigating",
                        "identified",
                        "mitigating",
                        "monitoring",
                        "resolved",
                        "closed",
                    )
                ),
                name="incident_status_known",
            ),
            models.CheckConstraint(
                condition=Q(severity__isnull=True) | Q(severity__range=(1, 4)),
                name="incident_severity_1_to_4",
            ),
            models.CheckConstraint(
                condition=~Q(status="resolved") | Q(resolved_at__isnull=False),
                name="incident_resolved_has_a_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index("opened_at", name="incident_open", condition=~Q(status__in=("resolved", "closed"))),
            models.Index(F("opened_at").desc(), F("id").desc(), name="incident_newest_first"),
            models.Index(
                F("resolved_at").desc(), name="incident_resolved_last", condition=Q(resolved_at__isnull=False)
            ),
            models.Index("opened_at", name="incident_major", condition=Q(severity=1)),
            models.Index(
                F("opened_at").desc(), F("id").desc(), name="incident_drills", condition=Q(kind="drill")
            ),
            GinIndex("words", name="incident_words"),
        ]

    def __str__(self) -> str:
        return self.key


class TimelineEntry(models.Model):
    """One line of the record; PostgreSQL refuses to change or delete it."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="entries", db_index=False)
    seq = models.PositiveIntegerField()
    rev = models.PositiveIntegerField()
    kind = models.CharField(max_length=32)
    v = models.PositiveSmallIntegerField(default=1)
    author = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    role = models.CharField(max_length=32, blank=True)
    happened_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    written_at = models.DateTimeField(db_default=Now())
    payload = models.JSONField(default=dict)
    text_hash = models.BinaryField(default=b"")
    prev_hash = models.BinaryField()
    hash = models.BinaryField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["incident", "seq"], name="entry_seq_once")]
        indexes: ClassVar = [
            models.Index(fields=["incident", "rev"], name="entry_by_rev"),
            models.Index(fields=["incident", "kind", "seq"], name="entry_by_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.incident_id}#{self.seq} {self.kind}"


class EntryText(models.Model):
    """The free texts of an entry by field name, apart from it so that they can be blanked without breaking the chain."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="texts", db_index=False)
    seq = models.PositiveIntegerField()
    salt = models.BinaryField()
    body = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["incident", "seq"], name="text_seq_once")]

    def __str__(self) -> str:
        return f"{self.incident_id}#{self.seq}"


class Seat(models.Model):
    """Who held which seat of an incident from when to when."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="seats")
    role = models.CharField(max_length=48, help_text="ic, deputy, ops, ops2, comms, scribe, or sme.<domain>")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="seats")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["incident", "role"], condition=Q(ended_at__isnull=True), name="seat_one_holder"
            )
        ]

    def __str__(self) -> str:
        return f"{self.role} of {self.incident_id}"


class Change(models.Model):
    """A production change during an incident; the projection of its entries."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="changes")
    number = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=12)
    requester = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    approver = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    implementer = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    major = models.BooleanField(help_text="Approved under SEV-1 or SEV-2.")
    unauthorised = models.BooleanField(default=False)
    effect = models.BooleanField(null=True, blank=True)
    proposed_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["incident", "number"], name="change_number_once"),
            models.CheckConstraint(
                condition=Q(major=False) | Q(approver__isnull=True) | ~Q(approver=F("requester")),
                name="change_never_approved_by_its_requester",
            ),
        ]

    def __str__(self) -> str:
        return f"Change {self.number} of {self.incident_id}"


class Deadline(models.Model):
    """One step of one occurrence of a clock, and when the tick is to do it; it fires once for ever."""

    class State(models.TextChoices):
        """Where it stands."""

        ARMED = "armed"
        FIRED = "fired"
        MET = "met"
        CANCELLED = "cancelled"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="deadlines", db_index=False)
    clock = models.CharField(max_length=32)
    subject = models.CharField(max_length=32, default="", blank=True)
    occurrence = models.PositiveIntegerField()
    step = models.CharField(max_length=32)
    due_at = models.DateTimeField()
    state = models.CharField(max_length=9, choices=State, default=State.ARMED)
    driven = models.BooleanField(
        default=False, help_text="Belongs to a driven incident; the tick leaves it alone."
    )
    fired_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["incident", "clock", "subject", "occurrence", "step"], name="deadline_fires_once"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="deadline_armed", condition=Q(state="armed", driven=False))
        ]

    def __str__(self) -> str:
        return f"{self.clock} {self.step} of {self.incident_id}"


class Counter(models.Model):
    """Where the search for the next number of a series, such as `INC-2026`, begins. No incident waits for this row."""

    series = models.CharField(max_length=24, primary_key=True)
    last = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.series} {self.last}"


class Installation(models.Model):
    """Where this database belongs, one row. `incidents.installation` alone reads and writes it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    mark = models.TextField(help_text="JSON: cluster, database, address, folder.")
    seen_at = models.DateTimeField(help_text="When a keeper last saw the database here.")
    held_since = models.DateTimeField(null=True)
    why = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="installation_is_one"),
        ]

    def __str__(self) -> str:
        return "held" if self.held_since else "at home"

"""People, their teams and escalation lists, their sign-ins and their tokens: fields and constraints."""

import uuid
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now

from incidentdesk.kernel.host_names import known_mail
from people.rights import ROOM_ROLES, Right, columns, may
from people.roles import Role, Scope, Theme


class Team(models.Model):
    """A group that owns services. Its zone and holidays say what business hours are for its incidents."""

    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(max_length=80, unique=True)
    zone = models.CharField(max_length=64, default="UTC", help_text="IANA name, such as Europe/Berlin")
    holidays = ArrayField(models.DateField(), default=list, blank=True)
    manager = models.ForeignKey(
        "people.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="manages"
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    """Finds people by the address they sign in with."""

    def get_by_natural_key(self, username: str | None) -> "User":
        """The person with this address, in any case of letters."""
        return self.get(email=known_mail(username or ""))


class User(AbstractBaseUser):
    """A person, or a machine that acts by token. Made and changed through `people.accounts`."""

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=80)
    roles = ArrayField(models.CharField(max_length=20, choices=Role), default=list, blank=True)
    # The poll joins on this column, so it is the database that keeps it true to `roles`.
    sees_room = models.GeneratedField(
        expression=Q(roles__overlap=sorted(role.value for role in ROOM_ROLES)),  # type: ignore[arg-type]
        output_field=models.BooleanField(),
        db_persist=True,
    )
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="people")
    zone = models.CharField(max_length=64, default="UTC", help_text="IANA name, such as Europe/Berlin")
    theme = models.CharField(max_length=5, choices=Theme, default=Theme.AUTO)
    shortcuts = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)
    is_machine = models.BooleanField(default=False)
    is_demo = models.BooleanField(default=False, editable=False)
    # How often the browsers that had signed in before were forgotten; their cookie names the number of its time.
    device_epoch = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    former_names = models.JSONField(default=list, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="user_roles_are_known", condition=Q(roles__contained_by=sorted(Role.values))
            ),
            models.CheckConstraint(name="user_email_is_lower_case", condition=Q(email=Lower("email"))),
            models.CheckConstraint(name="user_theme_is_known", condition=Q(theme__in=sorted(Theme.values))),
        ]

    def __str__(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        """The first of their names."""
        return self.name.split(" ")[0]

    @property
    def initials(self) -> str:
        """At most two letters, for the corner of the page."""
        words = self.name.split()
        return "".join(word[0] for word in (words[0], words[-1])[: len(words)]).upper() if words else "?"

    @property
    def role_words(self) -> str:
        """Their roles in words, for people."""
        return ", ".join(str(Role(role).label) for role in self.roles) or "no role"

    @property
    def tz(self) -> ZoneInfo:
        """The zone in which times are shown to this person."""
        return ZoneInfo(self.zone)

    @property
    def can_see_room(self) -> bool:
        """Whether their roles bring them into the war room: what `sees_room` says, also before the row is saved."""
        return may(Right.SEE_ROOM, columns(self.roles))

    @property
    def is_admin(self) -> bool:
        """Administers people and settings; has no rights in an incident by that (RBAC-11)."""
        return Role.ADMIN in self.roles

    # What Django's admin asks.
    @property
    def is_staff(self) -> bool:
        """May enter the administration."""
        return self.is_active and self.is_admin

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Administrators may do in the administration what its pages offer."""
        return self.is_staff

    def has_module_perms(self, app_label: str) -> bool:
        """As `has_perm`."""
        return self.is_staff


class EscalationStep(models.Model):
    """One place in the ordered list of people whom a team's page goes to; position 1 is called first."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="steps")

    class Meta:
        ordering = ["team", "position"]
        constraints = [
            models.UniqueConstraint(
                name="escalation_one_person_per_place",
                fields=["team", "position"],
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.UniqueConstraint(name="escalation_one_place_per_person", fields=["team", "user"]),
            models.CheckConstraint(name="escalation_counts_from_one", condition=Q(position__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.team}: {self.position}. {self.user}"


class ApiToken(models.Model):
    """A token of the API. The text is shown once and never stored: only its beginning and its SHA-256 digest are."""

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, help_text="How the token begins, to tell it from others")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope), default=list)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                name="token_scopes_are_known", condition=Q(scopes__contained_by=sorted(Scope.values))
            ),
            models.CheckConstraint(name="token_has_a_scope", condition=Q(scopes__len__gte=1)),
            models.CheckConstraint(
                name="token_expires_after_it_was_made",
                condition=Q(expires_at__gt=F("created_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class Session(AbstractBaseSession):
    """A sign-in on one device, written by `people.sessions` alone. `expire_date` holds both limits of RBAC-20."""

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="sessions")
    trusted = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    last_seen = models.DateTimeField()
    device = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["-last_seen"]

    @classmethod
    def get_session_store_class(cls) -> type[Any]:
        """The engine that writes these rows."""
        from people.sessions import SessionStore  # the engine imports this module

        return SessionStore


class PasswordLink(models.Model):
    """The right to set one person's password once, for at most a day (S15). `ended_at`: used, or replaced by a new one."""

    digest = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="password_links")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Password link of {self.user_id}"


class Throttle(models.Model):
    """Failed sign-ins counted in one bucket since its window opened. `key` names one of a fixed number of rows, `bucket`
    the digest of what is counted in it at present: no address is kept, and the table has an upper bound."""

    key = models.CharField(max_length=64, primary_key=True)
    bucket = models.CharField(max_length=64, default="")
    opened_at = models.DateTimeField()
    count = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.count} since {self.opened_at:%H:%M}"


class AuditEntry(models.Model):
    """One thing that happened to the desk's security. PostgreSQL refuses to change or delete it; `people.audit` writes it.

    `by` has no constraint in the database, so that writing waits for no lock on a person; `by_name` is the name then.
    """

    at = models.DateTimeField(db_index=True)
    event = models.CharField(max_length=32, help_text="A value of people.audit_events.Event")
    by = models.ForeignKey(
        User, null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    by_name = models.CharField(max_length=80, blank=True)
    about = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict)
    address = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=80, blank=True)
    written_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name, verbose_name_plural = "audit entry", "audit entries"

    def __str__(self) -> str:
        return f"{self.event} at {self.at:%Y-%m-%d %H:%M:%S} UTC"


class AuditLink(models.Model):
    """The place of one entry in the audit chain. Links are made in batches; PostgreSQL refuses to change or delete them."""

    seq = models.PositiveBigIntegerField(primary_key=True)
    entry = models.OneToOneField(AuditEntry, on_delete=models.PROTECT, related_name="link")
    prev_hash = models.BinaryField()
    hash = models.BinaryField()

    def __str__(self) -> str:
        return f"audit link {self.seq}"


class AuditTally(models.Model):
    """How often the same thing happened in one window. The first time is an entry, the rest become one when it ends."""

    event = models.CharField(max_length=32, help_text="A value of people.audit_events.Event")
    opened_at = models.DateTimeField()
    ends_at = models.DateTimeField(db_index=True)
    subject = models.CharField(
        max_length=300, blank=True, help_text="Who and what, or empty for all the others."
    )
    by_id = models.BigIntegerField(null=True)
    by_name = models.CharField(max_length=80, blank=True)
    about = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=64, blank=True)
    last_at = models.DateTimeField()
    count = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["event", "opened_at", "subject"], name="audit_one_tally_a_window")
        ]

    def __str__(self) -> str:
        return f"{self.count} times {self.event}"

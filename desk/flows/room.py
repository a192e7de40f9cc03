"""One act's hold on an incident: the locked record, who acts, and what is to be told."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from comms import outbox
from comms.models import Channel, Priority
from desk.forms.fields import Versioned
from desk.notices import Notice, deciders, lapse, messages
from incidentdesk.kernel import sql
from incidentdesk.kernel.errors import Block, Invalid, NotAllowed, Refused, Stale
from incidentdesk.kernel.stamps import moment
from incidents import catalogue, projection
from incidents import record as records
from incidents.authority import Authority
from incidents.models import Client, Service, TimelineEntry
from incidents.protocol import Draft, Entry, Protocol, State
from incidents.protocol.state import responders
from incidents.record import Record
from incidents.sentences import past_tense
from oncall import pages
from people.models import User

# What a guard says of the person and not of the incident: not qualified, not the holder.
_OF_THE_PERSON = frozenset({"GATE-19", "ROLE-29"})


class Room:
    """A locked incident in the hands of one person for one act."""

    def __init__(self, record: Record, *, by: User, now: datetime) -> None:
        self.record, self.by, self.now = record, by, now
        self.record.role = by.roles[0] if by.roles else ""
        self.denied: Block | None = None
        self.warnings: list[str] = []
        self.notices: list[Notice] = []
        self.outgoing: list[outbox.NewMessage] = []
        self.last = Entry(record.seq, "", None, record.state["opened"], record.state["opened"], {})

    @property
    def state(self) -> State:
        """Where the fold stands, this act's entries included."""
        return self.record.state

    @property
    def protocol(self) -> Protocol:
        """The version the incident was opened under."""
        return self.record.protocol

    @property
    def who(self) -> Authority:
        """What the person may do here, this act's entries included."""
        return Authority.of(self.protocol, self.state, self.by, self.now)

    def check(self, kind: str, **fields: Any) -> None:
        """Raise every refusal of an act at once, permission first, then the step, then its guards."""
        found = self.who.blocks(kind, **fields)
        personal = [block for block in found if block.id in _OF_THE_PERSON]
        if self.denied is None and personal:
            self.denied = personal[0]
        if self.denied is not None:
            raise NotAllowed(blocks=[self.denied, *(block for block in found if block.id != self.denied.id)])
        if found:
            raise Refused(found)

    def latest(self, kind: str, **payload: Any) -> int:
        """The seq of the last entry of a kind with these values in its payload; 0 where there is none."""
        found = TimelineEntry.objects.filter(incident_id=self.record.id, kind=kind)
        for name, value in payload.items():
            found = found.filter(**{f"payload__{name}": value})
        return found.order_by("-seq").values_list("seq", flat=True).first() or 0

    def unchanged(self, form: Versioned, answered: Callable[[], int | None]) -> None:
        """Raise Stale, naming who did what when, if the thing answered is not the one the person saw.

        `answered` gives its version now, or None where nothing is to compare; it is asked only if the form saw anything.
        """
        if form.seen_version is None and form.seen_upto is None:
            return
        version = answered()
        if version is None or version == form.seen_version:
            return
        if form.seen_version is None and version <= (form.seen_upto or 0):
            return
        entry = (
            TimelineEntry.objects.select_related("author")
            .filter(incident_id=self.record.id, seq=version)
            .first()
        )
        if entry is None:
            raise Stale(
                "This was changed meanwhile. Your text is kept; look at it as it stands now, then decide again.",
                version=version,
            )
        who = entry.author.name if entry.author else "The desk"
        raise Stale(
            f"{who} {past_tense(entry.kind, entry.payload)} at {entry.recorded_at:%H:%M:%S} UTC. "
            "Your text is kept; look at it as it stands now, then decide again.",
            version=version,
        )

    def happened(self, at: datetime | None) -> datetime | None:
        """A time that a person states: never in the future, never before the alert."""
        if at is None:
            return None
        if at > self.now:
            raise Invalid(fields={"happened_at": "This time lies in the future. Leave it empty for now."})
        if at < moment(self.state["alert"]):
            raise Invalid(
                fields={"happened_at": "This time lies before the alert. Correct the alert's time first."}
            )
        return at

    def add(
        self, kind: str, payload: Mapping[str, Any] | None = None, *, texts: Mapping[str, str] | None = None,
        happened_at: datetime | None = None, desk: bool = False,
    ) -> Entry:  # fmt: skip
        """Record an entry by this person (or by the desk) with all that follows from it."""
        before = len(self.record.added)
        self.last = self.record.add(
            Draft(
                kind,
                dict(payload or {}),
                None if desk else self.by.pk,
                self.happened(happened_at),
                dict(texts or {}),
            )
        )
        for written in self.record.added[before:]:
            if written.entry.kind == "change.lapsed":
                self.notices.append(lapse(self.record.id, self.state, written.entry))
        return self.last

    def asked(self, number: int) -> list[int]:
        """Whom a change waits for; where nobody can answer, the owner, who finds somebody."""
        return deciders(self.state, number)

    def person(self, uid: UUID, name: str = "person") -> User:
        """An active person who may enter the room. Raises Invalid otherwise."""
        found = User.objects.filter(uid=uid, is_active=True, is_machine=False).first()
        if found is None or not found.sees_room:
            raise Invalid(fields={name: "Choose somebody who can enter this room."})
        return found

    def services(self, slugs: Iterable[str]) -> list[Service]:
        """Services by slug, in the order given. Raises Invalid for an unknown one."""
        wanted = list(dict.fromkeys(slugs))
        found = {service.slug: service for service in self._offered(Service.objects.all(), wanted)}
        if len(found) < len(wanted):
            raise Invalid(fields={"services": "One of these services is retired or not in the catalogue."})
        return [found[slug] for slug in wanted]

    def clients(self, slugs: Iterable[str]) -> list[Client]:
        """Clients by slug. Raises Invalid for an unknown one."""
        wanted = list(dict.fromkeys(slugs))
        found = {client.slug: client for client in self._offered(Client.objects.all(), wanted)}
        if len(found) < len(wanted):
            raise Invalid(fields={"clients": "One of these clients is retired or not known."})
        return [found[slug] for slug in wanted]

    def _offered(self, found: "QuerySet[catalogue.M]", slugs: Iterable[str]) -> "QuerySet[catalogue.M]":
        return catalogue.offered(found, self.record.id).filter(slug__in=slugs)

    def warn(self, sentence: str) -> None:
        """Done, but the person should know this."""
        self.warnings.append(sentence)

    def tell(
        self, users: Iterable[int | None], subject: str, body: str, *, key: str, page: bool = False
    ) -> None:
        """One mail to each of these people, after the commit; `key` names the fact."""
        wanted = tuple(dict.fromkeys(user for user in users if user is not None))
        if wanted:
            self.notices.append(Notice(self.record.id, wanted, subject, body, key, page))

    def everyone(self) -> list[int]:
        """Everybody with a seat, and the owner."""
        return responders(self.state)

    def save(self, also: Callable[[], None] = lambda: None) -> None:
        """Write entries, state, deadlines, rows and messages; the transaction commits them together. `also` is written in
        the same breath as the record: sql of our own that asks for nothing back."""
        with sql.together():
            records.save([self.record], now=self.now)
            also()
        projection.project(self.record, now=self.now)
        pages.settle([self.record])
        outbox.put([*self.outgoing, *messages(self.notices, {self.record.id: self.record})], now=self.now)


__all__ = ["Channel", "Priority", "Room"]

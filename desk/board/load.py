"""What the board is made from, in a number of statements that does not depend on how many incidents are open."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet

from desk.board import attention, warnings
from desk.names import humans
from desk.quick_poll import board_cursor
from desk.room.load import in_state, instant
from desk.room.shapes import DeskAttention, DeskWarning
from desk.room.words import Words
from incidents.models import Incident
from incidents.protocol import Protocol, Reading, State, read
from incidents.record import protocol_of, state_of
from people.models import User

MOST = 200  # open incidents on the board; the list shows all
RECENT = 5


@dataclass(frozen=True, slots=True)
class Open:
    """One open incident with its clocks read at the board's instant."""

    incident: Incident
    state: State
    protocol: Protocol
    readings: list[Reading]
    services: list[str]
    revenue: int

    @property
    def base(self) -> str:
        """The address of its room."""
        return f"/incidents/{self.incident.key}/"


@dataclass(frozen=True, slots=True)
class Board:
    """Everything the page prints, not yet in words. `cursor` was read first: what changed since comes with the next poll."""

    cursor: str
    now: datetime
    tick: datetime | None
    viewer: User
    words: Words
    active: list[Open]
    resolved: list[Incident]
    proposals: dict[tuple[int, int], str]
    last_major: datetime | None
    attention: tuple[DeskAttention, ...] = ()
    warnings: tuple[tuple[DeskWarning, ...], int] = ((), 0)
    more: int = 0  # open incidents beyond those that are listed


PROPOSALS = """
SELECT e.incident_id, (e.payload->>'change')::int, coalesce(t.body->>'what', '')
FROM incidents_timelineentry e LEFT JOIN incidents_entrytext t ON t.incident_id = e.incident_id AND t.seq = e.seq
WHERE e.incident_id = ANY(%s) AND e.kind = 'change.proposed'
"""


def board(viewer: User) -> Board:
    """The board as it stands."""
    cursor = board_cursor(viewer.pk)
    now, tick = instant()
    active = [_open(incident, now) for incident in _active()]
    people = humans({viewer.pk, *(user for each in active for user in in_state(each.protocol, each.state))})
    words = Words(now=now, zone=viewer.tz, viewer=viewer.pk, people=people)
    return Board(
        cursor, now, tick, viewer, words, active, _recent(), _proposals(active), _last_major(),
        attention.lines(viewer, now=now), warnings.firing(words),
        _open_incidents().count() - len(active) if len(active) == MOST else 0,
    )  # fmt: skip


def _open_incidents() -> QuerySet[Incident]:
    return Incident.objects.filter(time=Incident.Time.WALL).exclude(status__in=("resolved", "closed"))


def _active() -> Iterable[Incident]:
    return _open_incidents().defer("words").prefetch_related("services").order_by("opened_at")[:MOST]


def _open(incident: Incident, now: datetime) -> Open:
    state, protocol = state_of(incident), protocol_of(incident.protocol_id)
    services = sorted(incident.services.all(), key=lambda service: service.name)
    return Open(
        incident, state, protocol, read(protocol, state, now),
        [service.name for service in services], sum(service.revenue_per_hour for service in services),
    )  # fmt: skip


def _recent() -> list[Incident]:
    found = Incident.objects.filter(kind=Incident.Kind.LIVE, resolved_at__isnull=False)
    return list(
        found.filter(status__in=("resolved", "closed")).defer("words").order_by("-resolved_at")[:RECENT]
    )


def _last_major() -> datetime | None:
    found = Incident.objects.filter(kind=Incident.Kind.LIVE, severity=1)
    return found.order_by("-opened_at").values_list("opened_at", flat=True).first()


def _proposals(active: Sequence[Open]) -> dict[tuple[int, int], str]:
    """What the changes that wait are about."""
    waiting = [each.incident.pk for each in active if each.incident.waiting]
    with connection.cursor() as cursor:
        cursor.execute(PROPOSALS, [waiting])
        return {(incident, change): what for incident, change, what in cursor.fetchall()}

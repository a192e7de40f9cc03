"""Which incident an address means for this person, or none: a hidden one and a missing one are the same (S2, S3)."""

import re
from uuid import UUID

from django.db.models import QuerySet

from desk.flows.act import Flow
from incidentdesk.kernel import sql
from incidentdesk.kernel.errors import Hidden, Missing
from incidents.models import Incident
from people.models import User
from people.rights import Right, columns, may

KEY = re.compile(r"(?:INC-\d{4}|DRILL)-\d{4,9}")


def in_room(user: User, address: str) -> Incident:
    """The incident of this key or UUID whose war room the person may enter. Raises Missing."""
    return _one(address, seen=_enters(user))


def in_summary(user: User, address: str) -> Incident:
    """The incident whose summary the person may read. Raises Missing."""
    return _one(address, seen=sees_summaries(user))


def summaries(user: User) -> QuerySet[Incident]:
    """The incidents whose summary the person may read: all, or none (deny by default)."""
    return Incident.objects.all() if sees_summaries(user) else Incident.objects.none()


def sees_summaries(user: User) -> bool:
    """Whether the person may read summaries at all."""
    return user.is_active and may(Right.SEE, columns(user.roles))


def for_act(user: User, address: str, flow: Flow) -> Incident:
    """The incident for an act: of the room, or of the summary where somebody outside the room holds the right by role.

    Customer support proposes a severity without ever entering the room; for everybody else outside there is nothing.
    Its state is left to be read under the lock.
    """
    by_role = isinstance(flow.right, Right) and may(flow.right, columns(user.roles))
    if not user.sees_room and by_role:
        return _one(address, seen=sees_summaries(user), without=frozenset({"state"}))
    return _one(address, seen=_enters(user), without=frozenset({"state"}))


def _enters(user: User) -> bool:
    return user.is_authenticated and user.is_active and user.sees_room


def _one(address: str, *, seen: bool, without: frozenset[str] = frozenset()) -> Incident:
    if not seen:
        raise Hidden
    found = None
    if KEY.fullmatch(address):
        found = sql.first(Incident, "key = %s", [address], without=without)
    elif (uid := _uuid(address)) is not None:
        found = sql.first(Incident, "uid = %s", [uid], without=without)
    if found is None:
        raise Missing
    return found


def _uuid(address: str) -> UUID | None:
    try:
        return UUID(address)
    except ValueError:
        return None

"""Reading incidents. Who may enter the room reads all of it, who may see the summary reads that, others find nothing."""

from typing import Annotated, Any
from uuid import UUID

from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from ninja import Query, Router

from desk import search, visible
from desk.api import alerts as alert_shapes
from desk.api import quarantine, shapes, summary
from desk.api.auth import READ, administers, instant, person
from incidentdesk.kernel.errors import Hidden, Invalid, Missing
from incidentdesk.kernel.text import clean_line
from incidents.models import Incident

router = Router(auth=READ, tags=["reads"])
Limit = Annotated[int, Query(ge=1, le=200)]
LARGEST = 2**31 - 1


@router.get("/incidents", operation_id="list_incidents", summary="Incidents, newest first, page by page.")
def incidents(
    request: HttpRequest,
    status: str = "",
    severity: Annotated[int | None, Query(ge=1, le=4)] = None,
    kind: str = "",
    q: Annotated[str, Query(max_length=200)] = "",
    after: UUID | None = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """`after` is the `next` of the page before; a page is complete however many were opened meanwhile.

    `status` may be `active` for everything that is not yet resolved.
    """
    user = person(request)
    found = Incident.objects.visible_to(user) if user.sees_room else visible.summaries(user)
    found = _narrowed(found, status=clean_line(status), severity=severity, kind=clean_line(kind))
    if words := clean_line(q):
        condition, values = search.matching(words, whole=user.sees_room, of=Incident._meta.db_table)
        found = found.filter(RawSQL(condition, values, output_field=BooleanField()))  # noqa: S611  (a text of our own)
    if after is not None:
        found = _older(found, after)
    if user.sees_room:
        found = found.select_related("owner", "ic").prefetch_related("services", "clients")
    rows = list(found.defer("state", "words").order_by("-opened_at", "-id")[: limit + 1])
    shape = shapes.row if user.sees_room else summary.row
    more = rows[limit - 1] if len(rows) > limit else None
    return {"incidents": [shape(each) for each in rows[:limit]], "next": str(more.uid) if more else None}


@router.get("/incidents/{incident}", operation_id="incident", summary="One incident as it stands now.")
def one(request: HttpRequest, incident: str) -> dict[str, Any]:
    """Readings of all clocks, milestones, and lists of `seats`, `offers` and `changes`; or, outside the room, the summary alone.

    `offers` are seats handed over and not yet answered, each with `seat`, `to`, `by` and `version`.
    """
    user = person(request)
    if not user.sees_room:
        return summary.whole(visible.in_summary(user, incident), user)
    return shapes.whole(visible.in_room(user, incident), user, now=instant(request))


@router.get("/incidents/{incident}/timeline", operation_id="timeline", summary="Entries in their order.")
def timeline(
    request: HttpRequest,
    incident: str,
    after: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
    limit: Limit = 100,
) -> dict[str, Any]:
    """Entries after the seq given; ask again with the last seq until the answer is empty."""
    found = visible.in_room(person(request), incident)
    user, now = person(request), instant(request)
    return {"entries": shapes.timeline(found, user, after=after, limit=limit, now=now), "seq": found.seq}


@router.get(
    "/incidents/{incident}/updates", operation_id="list_updates", summary="Updates and their deliveries."
)
def updates(request: HttpRequest, incident: str) -> dict[str, Any]:
    """Every text as it was sent, and what became of each message; whole addresses for an administrator's token.

    `status` of an update is the incident's when it was sent, that of a text the one which its audience was told.
    """
    user = person(request)
    found = visible.in_room(user, incident)
    return {"updates": shapes.updates(found, user, addresses=administers(request), now=instant(request))}


@router.get("/incidents/{incident}/clocks", operation_id="clocks", summary="How every clock stands.")
def clocks(request: HttpRequest, incident: str) -> dict[str, Any]:
    """The readings at this moment; `by`, `left` and `minutes` are protocol minutes."""
    now = instant(request)
    return {"readings": shapes.readings(visible.in_room(person(request), incident), now=now)}


@router.get("/incidents/{incident}/alerts", operation_id="alerts", summary="Alerts and pages.")
def alerts(request: HttpRequest, incident: str) -> dict[str, Any]:
    """The alerts that belong to the incident, and whom they woke."""
    return alert_shapes.whole(visible.in_room(person(request), incident))


@router.get("/warnings", operation_id="warnings", summary="Warnings that fire and are on no incident.")
def warnings(
    request: HttpRequest, before: Annotated[int | None, Query(ge=1, le=LARGEST)] = None, limit: Limit = 50
) -> dict[str, Any]:
    """The newest first, until they end or an incident takes them. Only for whoever may enter the room.

    `before` is the `next` of the page before.
    """
    if not person(request).sees_room:
        raise Hidden()
    return alert_shapes.warnings(before=before, limit=limit)


@router.get("/quarantine", operation_id="quarantine", summary="Alerts and bodies that could not be read.")
def quarantined(
    request: HttpRequest, before: Annotated[int | None, Query(ge=1, le=LARGEST)] = None, limit: Limit = 50
) -> dict[str, Any]:
    """The newest first, each with reason, position and text, for 7 days. Only for an administrator's `admin` token.

    `before` is the `next` of the page before.
    """
    if not administers(request):
        raise Missing()
    return quarantine.newest(before=before, limit=limit)


def _narrowed(
    found: QuerySet[Incident], *, status: str, severity: int | None, kind: str
) -> QuerySet[Incident]:
    if status == "active":
        found = found.exclude(status__in=("resolved", "closed"))
    elif status:
        found = found.filter(status=status)
    if severity is not None:
        found = found.filter(severity=severity)
    if kind:
        found = found.filter(kind=kind)
    return found


def _older(found: QuerySet[Incident], after: UUID) -> QuerySet[Incident]:
    last = found.model.objects.filter(uid=after).values_list("opened_at", "pk").first()
    if last is None:
        raise Invalid(fields={"after": "This is no incident of an earlier page. Begin again without it."})
    opened_at, pk = last
    return found.filter(Q(opened_at__lt=opened_at) | Q(opened_at=opened_at, pk__lt=pk))

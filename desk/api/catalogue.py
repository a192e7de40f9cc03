"""Services, clients and people: what the other calls name by slug or UUID."""

from typing import Any

from django.http import HttpRequest
from ninja import Router

from desk.api.auth import READ, administers, person
from incidentdesk.kernel.errors import NotAllowed
from incidents import catalogue
from incidents.models import Client, Service
from people.models import User
from people.rights import Right, columns, may, refusal

router = Router(auth=READ, tags=["catalogue"])


@router.get("/services", operation_id="services", summary="The service catalogue.")
def services(request: HttpRequest) -> dict[str, Any]:
    """Names for everybody who may declare; the rest of each entry for those who enter the room, right by right."""
    user = person(request)
    held = columns(user.roles)
    if not (user.sees_room or may(Right.DECLARE, held)):
        raise NotAllowed(refusal(Right.DECLARE))
    found = (
        catalogue.offered(Service.objects.all())
        .order_by("name")
        .select_related("team")
        .prefetch_related("dependencies", "clients")
    )
    if not user.sees_room:
        return {"services": [{"slug": each.slug, "name": each.name} for each in found]}
    return {
        "services": [
            _service(each, bridge=may(Right.SEE_BRIDGE, held), revenue=may(Right.SEE_REVENUE, held))
            for each in found
        ]
    }


@router.get("/clients", operation_id="clients", summary="The clients who are told.")
def clients(request: HttpRequest) -> dict[str, Any]:
    """Without their addresses; those only for an administrator's token."""
    _enters(person(request))
    found = catalogue.offered(Client.objects.all()).order_by("name")
    return {
        "clients": [
            {"uid": str(each.uid), "slug": each.slug, "name": each.name}
            | ({"contact_emails": each.contact_emails} if administers(request) else {})
            for each in found
        ]
    }


@router.get("/people", operation_id="people", summary="People who can be named, asked or paged.")
def people(request: HttpRequest) -> dict[str, Any]:
    """Active people who enter the room; everybody, with addresses, for an administrator's token."""
    _enters(person(request))
    found = User.objects.order_by("name").select_related("team")
    if not administers(request):
        found = found.filter(is_active=True, is_machine=False, sees_room=True)
    return {"people": [_person(each, administers(request)) for each in found]}


def _enters(user: User) -> None:
    if not user.sees_room:
        raise NotAllowed(refusal(Right.SEE_ROOM))


def _service(service: Service, *, bridge: bool, revenue: bool) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "slug": service.slug,
        "name": service.name,
        "team": service.team.slug,
        "critical_path": service.critical_path,
        "core_revenue": service.core_revenue,
        "dashboards": service.dashboards,
        "dependencies": [each.slug for each in service.dependencies.all()],
        "clients": [str(each.uid) for each in service.clients.all()],
    }
    if revenue:
        shape["revenue_per_hour"] = service.revenue_per_hour
    if bridge:
        shape["bridge"] = service.bridge
    return shape


def _person(user: User, administered: bool) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "uid": str(user.uid),
        "name": user.name,
        "roles": user.roles,
        "team": user.team.slug if user.team else None,
        "zone": user.zone,
    }
    return shape | ({"email": user.email, "active": user.is_active} if administered else {})

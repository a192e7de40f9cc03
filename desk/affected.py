"""What alerts are about: the services they name, and the open incidents that touch these."""

from collections import defaultdict
from collections.abc import Sequence

from django.db.models import Q
from django.db.models.functions import Lower

from incidents.models import Incident, Service
from oncall.identity import Waiting


def services(waiting: Sequence[Waiting]) -> dict[int, Service | None]:
    """The service each alert names, by slug or name; None for one that is not in the catalogue."""
    named = {alert.service_slug.lower() for alert in waiting if alert.service_slug}
    found: dict[str, Service] = {}
    if named:
        asked = Service.objects.select_related("team").annotate(folded=Lower("name"))
        for service in asked.filter(Q(slug__in=named) | Q(folded__in=named)):
            found |= {service.name.lower(): service, service.slug: service}
    return {alert.id: found.get(alert.service_slug.lower()) for alert in waiting}


def incidents_of(touched: Sequence[Service | None], time: str) -> dict[int, list[int]]:
    """The unresolved incidents that touch these services, the newest first."""
    wanted = {service.pk for service in touched if service is not None}
    found: dict[int, list[int]] = defaultdict(list)
    if wanted:
        rows = Incident.objects.active().filter(time=time, services__in=wanted).order_by("-id")
        for service, incident in rows.values_list("services", "id"):
            found[service].append(incident)
    return found

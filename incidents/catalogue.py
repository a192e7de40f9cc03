"""Services and clients that are retired: nobody is offered them anew, and what was written about them stays (RBAC-13)."""

from datetime import datetime
from typing import TypeVar

from django.db.models import Q, QuerySet

from incidents.models import Client, Service, TimelineEntry

M = TypeVar("M", Client, Service)
_WORDS = {Client: "clients", Service: "services"}


def offered(found: QuerySet[M], incident: int | None = None) -> QuerySet[M]:
    """Those that may be chosen: not retired, or part of this incident (its id) already."""
    if incident is None:
        return found.filter(retired_at=None)
    part = found.model._default_manager.filter(incidents=incident).values("pk")
    return found.filter(Q(retired_at=None) | Q(pk__in=part))


def retire(row: M, *, now: datetime) -> bool:
    """Offer it to nobody from now on; whether this call did it. Twice is safe."""
    return type(row)._default_manager.filter(pk=row.pk, retired_at=None).update(retired_at=now) > 0


def restore(row: M) -> bool:
    """Offer it again; whether this call did it. Twice is safe."""
    return type(row)._default_manager.filter(pk=row.pk, retired_at__isnull=False).update(retired_at=None) > 0


def has_past(row: M) -> bool:
    """Whether anything points at it or an entry of a record names it: then it cannot be deleted."""
    for relation in type(row)._meta.related_objects:
        if relation.related_model._default_manager.filter(**{relation.field.name: row}).exists():
            return True
    word = _WORDS[type(row)]
    named = Q(**{f"payload__{word}__contains": [row.pk]}) | Q(**{f"payload__{word[:-1]}": row.pk})
    return TimelineEntry.objects.filter(named).exists()

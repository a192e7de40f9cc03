"""Runbooks as pages: the list, and one of them."""

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from incidentdesk.kernel import markdown
from incidentdesk.kernel.http import DeskRequest
from people import access
from runbooks.models import Runbook


@access.room
@require_GET
def runbooks(request: DeskRequest) -> HttpResponse:
    """Every runbook by title, with the services it is for."""
    rows = [
        {"title": row.title, "url": f"/runbooks/{row.slug}/", "services": _services(row)}
        for row in Runbook.objects.prefetch_related("services").defer("body")
    ]
    return render(request, "runbooks/runbooks.html", {"runbooks": rows})


@access.room
@require_GET
def runbook(request: DeskRequest, slug: str) -> HttpResponse:
    """One runbook to read."""
    row = Runbook.objects.prefetch_related("services").filter(slug=slug).first()
    if row is None:
        raise Http404
    saved = row.updated_at.astimezone(request.user.tz)
    page = {
        "title": row.title,
        "services": _services(row),
        "saved": f"{saved:%d %b %Y, %H:%M %Z}",
        "body": markdown.render(row.body),
    }
    return render(request, "runbooks/runbook.html", {"runbook": page})


def _services(row: Runbook) -> str:
    return ", ".join(sorted(service.name for service in row.services.all()))

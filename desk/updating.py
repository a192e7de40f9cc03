"""GET /incidents/<key>/updates/new/ and its preview. Sending is the act POST /incidents/<key>/updates/."""

from django.http import Http404, HttpResponse
from django.shortcuts import render as respond
from django.views.decorators.http import require_GET, require_POST

from desk import update_view, visible
from desk.answers import FormState, Told, typed
from incidentdesk.kernel.errors import Missing
from incidentdesk.kernel.http import DeskRequest
from incidents.models import Incident
from people import access

PAGE = "desk/update.html"


@access.room
@require_GET
def new(request: DeskRequest, key: str) -> HttpResponse:
    """The form, filled from the record where it could be."""
    found = update_view.desk(_incident(request, key), request.user)
    return respond(request, PAGE, {"update": update_view.view(found)})


@access.room
@require_POST
def preview(request: DeskRequest, key: str) -> HttpResponse:
    """`r-preview`: each audience's text from the fields as they stand. Nothing is stored."""
    found = update_view.desk(_incident(request, key), request.user)
    fields, own, wrong = update_view.typed(found, typed(request.POST, {}).values)
    shown = update_view.sheets(found, fields, own, wrong, request.POST.getlist("audiences"))
    return respond(request, "desk/_preview.html", {"sheets": shown})


def render(request: DeskRequest, incident: Incident, *, answer: Told, form: FormState) -> HttpResponse:
    """The page again after a refusal, with everything that was typed."""
    incident.refresh_from_db()
    shown = update_view.view(update_view.desk(incident, request.user), form=form, answer=answer)
    return respond(request, PAGE, {"update": shown})


def _incident(request: DeskRequest, key: str) -> Incident:
    try:
        return visible.in_room(request.user, key)
    except Missing as error:
        raise Http404 from error

"""The page side of every act: `POST /incidents/<key>/<noun>/`, and declaring, `POST /incidents/`.

With HTMX the answer is `desk/_answer.html` under its status; `HX-Trigger: incident-changed` rings the page's poller.
Without, 303 to the new line of the room, or the whole room with the refusal and all that was typed. The form's
`request_id` makes sending twice, or again after a time-out, one act (F10, F22).
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST

from desk import answers, parsing, visible
from desk.declaring import as_meant
from desk.flows.act import Answer
from desk.flows.opening import declare as open_incident
from desk.forms.incident import DeclareForm
from desk.registry import every_act, perform
from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import DeskError, Missing
from incidentdesk.kernel.http import DeskRequest, is_htmx
from incidents.models import Incident
from people.access import signed_in

CHANGED = "incident-changed"


@signed_in
@require_POST
def act(request: DeskRequest, key: str, noun: str) -> HttpResponse:
    """Do the act that the noun names on the incident of the key."""
    flow = every_act().get(noun)
    if flow is None:
        raise Http404
    try:
        incident = visible.for_act(request.user, key, flow)
    except Missing as error:
        raise Http404 from error
    try:
        fields = as_meant(request.POST) if noun == "declarations" else request.POST
        form = parsing.from_post(flow.form, fields, zone=request.user.tz)
        answer = perform(
            flow, incident.pk, form, by=request.user, request_id=_request_id(request), now=clock.now()
        )
    except DeskError as error:
        return _refuse(request, error, incident=incident, noun=noun)
    return _done(request, answer, leave=noun in ("updates", "declarations"))


@signed_in
@require_POST
def declare(request: DeskRequest) -> HttpResponse:
    """Open and declare a new incident, then go to its room."""
    try:
        form = parsing.from_post(DeclareForm, as_meant(request.POST), zone=request.user.tz)
        answer = open_incident(form, by=request.user, request_id=_request_id(request), now=clock.now())
    except DeskError as error:
        return _refuse(request, error, incident=None, noun="declare")
    return _done(request, answer, leave=True)


def _request_id(request: HttpRequest) -> str:
    return request.POST.get("request_id", "").replace("\0", "")


def _done(request: DeskRequest, answer: Answer, *, leave: bool) -> HttpResponse:
    """`leave` is true where the form was a page of its own, so that the way leads back to the room, which says what was
    done, or to the summary for somebody who declared and never enters a room."""
    room = f"/incidents/{answer.incident}/" + ("" if request.user.sees_room else "summary/")
    if leave and answer.seq and request.user.sees_room:
        room += f"?done={answer.seq}"
    if not is_htmx(request):
        return HttpResponseRedirect(
            f"{room}#e-{answer.seq}" if answer.seq and not leave else room, status=303
        )
    if leave:
        return HttpResponse(headers={"HX-Redirect": room})
    return HttpResponse(
        render_to_string("desk/_answer.html", {"answer": answers.done(answer)}),
        headers={"HX-Trigger": CHANGED},
    )


def _refuse(request: DeskRequest, error: DeskError, *, incident: Incident | None, noun: str) -> HttpResponse:
    told = answers.refused(error)
    if is_htmx(request):
        return render(request, "desk/_answer.html", {"answer": told}, status=error.status)
    if incident is not None and not request.user.sees_room:
        # customer support proposes a severity from outside: there is no room to show
        return render(
            request, f"errors/{error.status}.html", {"sentence": error.sentence}, status=error.status
        )
    state = answers.typed(request.POST, told.fields)
    response = _whole_page(request, incident, noun, told, state)
    response.status_code = error.status
    return response


def _whole_page(
    request: DeskRequest, incident: Incident | None, noun: str, told: answers.Told, state: answers.FormState
) -> HttpResponse:
    """The page the form stood on, with the refusal and what was typed: the only place that knows those pages."""
    if incident is None:
        return _page("desk.declaring", request, told, answer=told, form=state)
    if noun == "declarations":
        return _page("desk.declaring", request, told, incident, answer=told, form=state)
    if noun == "updates":
        return _page("desk.updating", request, told, incident, answer=told, form=state)
    forms: Mapping[str, answers.FormState] = {noun.replace("-", "_"): state}
    return _page("desk.room_page", request, told, incident, answer=told, forms=forms)


def _page(
    module: str, request: DeskRequest, told: answers.Told, *place: Incident, **context: Any
) -> HttpResponse:
    try:
        page = import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return render(request, "desk/_answer.html", {"answer": told})
    response: HttpResponse = page.render(request, *place, **context)
    return response

"""The war room and its poll. Whoever may not enter the room is led to the summary, and finds no poll at all (S3)."""

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from desk import room_page
from desk.visible import KEY
from incidentdesk.kernel.http import DeskRequest
from people.access import room as room_only
from people.access import signed_in


@signed_in
@require_safe
def room(request: DeskRequest, key: str) -> HttpResponse:
    """The room; others are sent to the summary, which says for itself whether there is anything for them."""
    if not KEY.fullmatch(key):
        raise Http404
    if not request.user.sees_room:
        return redirect(f"/incidents/{key}/summary/")
    incident = room_page.find(key, request)
    if incident is None:
        raise Http404
    return room_page.page(request, incident, done=_cursor(request.GET.get("done", "")))


@room_only
@require_safe
def live(request: DeskRequest, key: str) -> HttpResponse:
    """The regions that changed since `after`, the cursor of the page; a cursor that cannot be read gets everything."""
    incident = room_page.find(key, request) if KEY.fullmatch(key) else None
    if incident is None:
        raise Http404
    return room_page.poll(request, incident, _cursor(request.GET.get("after", "")))


def _cursor(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0

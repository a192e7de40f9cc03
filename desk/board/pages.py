"""GET / and its poll, GET /live/."""

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET

from desk.board.load import board
from desk.board.view import LIST_URL, view
from incidentdesk.kernel.http import DeskRequest
from people import access

REGIONS = (
    "desk/_board_line.html",
    "desk/_attention.html",
    "desk/_yours.html",
    "desk/_active.html",
    "desk/_warnings.html",
    "desk/_resolved.html",
    "desk/_figures.html",
)


@access.signed_in
@require_GET
def desk(request: DeskRequest) -> HttpResponse:
    """The board; whoever never enters a war room is sent to the list of summaries."""
    if not request.user.sees_room:
        return HttpResponseRedirect(LIST_URL)
    return render(request, "desk/desk.html", {"desk": view(board(request.user))})


@access.room
@require_GET
def live(request: DeskRequest) -> HttpResponse:
    """The whole board again where anything changed; what did not is answered before it comes here (`desk.quick_poll`)."""
    seen = view(board(request.user))
    headers = {"Desk-Now": seen.live.now, "Desk-Tick": seen.live.tick, "Desk-Rev": seen.live.cursor}
    if request.GET.get("after") == seen.live.cursor:
        return HttpResponse(status=204, headers=headers)
    shown = REGIONS if seen.figures else REGIONS[:-1]
    body = "".join(render_to_string(region, {"desk": seen}, request=request) for region in shown)
    return HttpResponse(body, headers=headers)

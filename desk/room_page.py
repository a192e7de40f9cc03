"""The war room as an answer: the whole page, also after a refused act without a script, or the regions that are new."""

import time
import uuid
from collections.abc import Iterable, Mapping

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as render_template
from django.template import Context, Engine
from django.template.context_processors import csrf

from desk import shared_poll, visible
from desk.answers import FormState, Told
from desk.room.load import Bundle, begin, instant
from desk.room.regions import REGIONS, TIMELINE
from desk.room.typed import forms_of
from desk.room.view import Room, is_still, news, whole
from desk.shared_poll import Answer
from desk.templatetags.ids import MARK, keeping, with_ids
from incidentdesk.kernel.errors import Missing
from incidentdesk.kernel.http import DeskRequest
from incidentdesk.kernel.stamps import stamp
from incidents.models import Incident

STOP_POLLING = 286
_UNREAD = ("words", "head_hash")


def find(key: str, request: DeskRequest) -> Incident | None:
    """The incident of a key whose room the person may enter, as it stands now."""
    try:
        return visible.in_room(request.user, key) if visible.KEY.fullmatch(key) else None
    except Missing:
        return None


def render(
    request: DeskRequest,
    incident: Incident,
    *,
    answer: Told | None = None,
    forms: Mapping[str, FormState] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The room with what an act without a script came to. The incident is read anew: the act may have changed it."""
    fresh = Incident.objects.visible_to(request.user).defer(*_UNREAD).get(pk=incident.pk)
    return page(request, fresh, answer=answer, forms=forms, status=status)


def page(
    request: DeskRequest,
    incident: Incident,
    *,
    answer: Told | None = None,
    forms: Mapping[str, FormState] | None = None,
    status: int = 200,
    done: int = 0,
) -> HttpResponse:
    """The room of an incident that was just read. `done` is the entry of the viewer's own act that led here, said on top."""
    now, tick = instant()
    room = whole(begin(incident, request.user, now=now, tick=tick))
    room.answer, room.forms = answer or _done(room, done), forms_of(forms)
    return _signed(
        render_template(request, "desk/room.html", {"room": room, "seen_upto": incident.seq}, status=status),
        room.bundle,
    )


def _done(room: Room, seq: int) -> Told | None:
    """The viewer's own entry in its sentence; of anybody else's, or one long past, nothing is said."""
    own = any(row.seq == seq and row.author == room.bundle.viewer.pk for row in room.bundle.rows)
    said = next((entry.sentence for entry in room.timeline.entries if entry.seq == seq), "") if own else ""
    return Told("done", said) if said else None


def poll(request: DeskRequest, incident: Incident, after: int) -> HttpResponse:
    """What changed since a cursor: 204 nothing, 200 the regions, 286 the last ones of a closed incident."""
    now, tick = instant()
    bundle = begin(incident, request.user, now=now, tick=tick)
    still = is_still(bundle)
    if after == incident.rev:
        return _signed(HttpResponse(status=STOP_POLLING if still else 204), bundle)
    body = _own(request, bundle, after) if still else _shared(request, bundle, after)
    return _signed(HttpResponse(body, status=STOP_POLLING if still else 200), bundle)


def _own(request: DeskRequest, bundle: Bundle, after: int) -> str:
    return regions(request, *news(bundle, after))


def _shared(request: DeskRequest, bundle: Bundle, after: int) -> str:
    """The answer that everybody gets who sees the same, made now if nobody has it yet; else the viewer's own."""
    asked, made = shared_poll.asked(bundle, after), time.monotonic()
    with shared_poll.answers.maker(asked):
        answer = shared_poll.answers.find(asked)
        if answer is None:
            room, names = news(bundle, after)
            whose = shared_poll.whose(bundle, names)
            if whose is not None and request.user.pk in whose:
                return regions(request, room, names)
            parts = () if whose is None else _parts(Room(shared_poll.for_nobody(bundle)), names)
            answer = shared_poll.answers.keep(
                asked, Answer(parts, whose or frozenset(), made, bundle.incident.seq)
            )
    if answer.is_for(request.user.pk):
        return with_ids(answer.parts, _context(request, bundle))
    return _own(request, bundle, after)


def _parts(room: Room, names: Iterable[str]) -> tuple[str, ...]:
    """The regions cut where each reader's fields belong."""
    context = Context({"room": room})
    with keeping(context):
        return tuple(_render(context, room, names).split(MARK))


def regions(request: HttpRequest, room: Room, names: Iterable[str]) -> str:
    """The named regions one after another, the timeline's new rows last. One context, no context processors."""
    context = _context(request, room.bundle)
    context["room"] = room
    return _render(context, room, names)


def _context(request: HttpRequest, bundle: Bundle) -> Context:
    seen = {"seen_upto": bundle.incident.seq}
    return Context({"request": request, "new_id": uuid.uuid4, **seen, **csrf(request)})


def _render(context: Context, room: Room, names: Iterable[str]) -> str:
    engine = Engine.get_default()
    wanted = [REGIONS[name].template for name in names]
    if room.timeline.entries:
        wanted.append(TIMELINE)
    return "".join(engine.get_template(template).render(context) for template in wanted)


def _signed(response: HttpResponse, bundle: Bundle) -> HttpResponse:
    """Every answer says when it was made, when the last tick was and where the cursor stands; none is kept anywhere."""
    response.headers["Desk-Now"] = stamp(bundle.now if bundle.incident.time == "driven" else bundle.wall)
    response.headers["Desk-Tick"] = stamp(bundle.tick) if bundle.tick else ""
    response.headers["Desk-Rev"] = str(bundle.incident.rev)
    response.headers["Cache-Control"] = "private, no-store"
    return response

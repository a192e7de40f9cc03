"""GET /incidents/<key>/summary/ and its poll: for executives, customer support and spectators (S5).

An allow-list, field by field. Nothing here reads the timeline or its texts; what people outside are told are the
texts that were sent to their audience, to the letter, and what the severity and the status are (INC-46).
"""

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import cast

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from comms.models import Audience, UpdateText
from desk import visible
from desk.api.summary import audiences
from desk.names import humans
from desk.room.header import severity
from desk.room.load import instant
from desk.room.shapes import Countdown, Live, Pair, SummaryUpdate, SummaryView
from desk.room.words import Words, fixed, number, rough
from desk.triage import subject
from desk.update_view import parts
from incidentdesk.kernel.errors import Missing
from incidentdesk.kernel.http import DeskRequest
from incidentdesk.kernel.stamps import stamp
from incidents.models import Incident, Service
from incidents.protocol import State, read
from incidents.protocol.score import impact_minutes
from incidents.protocol.state import ended, holder
from incidents.record import protocol_of, state_of
from people import access
from people.models import User
from people.rights import Right, columns, may

WORDS = {
    "open": "Investigating", "investigating": "Investigating", "identified": "Identified", "mitigating": "Mitigating",
    "monitoring": "Monitoring", "resolved": "Resolved", "closed": "Resolved",
}  # fmt: skip
# Whose clock a reader of these texts waits for.
WAITED_FOR = frozenset({Audience.EXECUTIVES, Audience.CLIENTS, Audience.PUBLIC})
MOST = 50


@access.signed_in
@require_GET
def summary(request: DeskRequest, key: str) -> HttpResponse:
    """The page."""
    return render(request, "desk/summary.html", {"summary": _shown(request, key)})


@access.signed_in
@require_GET
def live(request: DeskRequest, key: str) -> HttpResponse:
    """`r-summary` where anything in it changed, else 204; 286 once the incident is closed."""
    shown = _shown(request, key)
    at = cast(Live, shown.live)
    headers = {"Desk-Now": at.now, "Desk-Tick": at.tick, "Desk-Rev": at.cursor}
    if request.GET.get("after") == at.cursor and not at.closed:
        return HttpResponse(status=204, headers=headers)
    response = render(request, "desk/_summary.html", {"summary": shown}, status=286 if at.closed else 200)
    for name, value in headers.items():
        response.headers[name] = value
    return response


def _shown(request: DeskRequest, key: str) -> SummaryView:
    try:
        incident = visible.in_summary(request.user, key)
    except Missing as error:
        raise Http404 from error
    wall, tick = instant()
    return view(incident, request.user, wall=wall, tick=tick)


def view(incident: Incident, reader: User, *, wall: datetime, tick: datetime | None) -> SummaryView:
    """`summary` of the templates. `wall` is aware UTC; a driven incident speaks of its driver's last instant."""
    driven = incident.time == Incident.Time.DRIVEN
    now = (incident.driven_now or incident.opened_at) if driven else wall
    state = state_of(incident)
    comms = holder(state, "comms") or holder(state, "ic")
    words = Words(now=now, zone=reader.tz, viewer=reader.pk, people=humans({comms} - {None}))  # type: ignore[arg-type]  # None was taken out
    updates, older = _updates(incident, reader, words)
    shown = SummaryView(
        key=incident.key,
        title=subject(incident.title),
        severity=severity(state),
        status=WORDS[state["status"]],
        impact=_impact(incident, state, reader, words),
        next_update=_next(incident, state, reader, words),
        contact=_contact(state, comms, words),
        updates=updates,
        older=older,
        live=None,
    )
    closed = state["status"] == "closed" or driven
    cursor = _cursor(shown)
    return replace(shown, live=Live(f"/incidents/{incident.key}/summary/live/", cursor, stamp(now),
                                    stamp(tick) if tick else "", closed))  # fmt: skip


def _cursor(shown: SummaryView) -> str:
    """Changes when anything does that the page prints; a running figure alone does not."""
    still = replace(shown, next_update=replace(shown.next_update, text="", look=""))
    return hashlib.sha256(repr(still).encode()).hexdigest()[:32]


def _impact(incident: Incident, state: State, reader: User, words: Words) -> tuple[Pair, ...]:
    """Since when customers feel it, for how long, and what it costs: figures of the business, nobody's words."""
    pairs = []
    intervals = [each for each in state["impact"] if each[0] is not None]
    over = bool(state["impact"]) and state["impact"][-1][1] is not None
    if intervals and intervals[0][0] is not None:
        pairs.append(Pair("Impact since", words.short(intervals[0][0])))
    if over:
        whole, _ = impact_minutes(state, words.now)
        pairs.append(Pair("Impact lasted", rough(whole * state["minute"])))
    elif not ended(state):
        pairs.append(Pair("Still felt", "yes"))
    if may(Right.SEE_REVENUE, columns(reader.roles)):
        hourly = sum(Service.objects.filter(incidents=incident).values_list("revenue_per_hour", flat=True))
        pairs.append(Pair("Revenue at risk per hour", number(hourly) if hourly else "not known"))
    return tuple(pairs)


def _next(incident: Incident, state: State, reader: User, words: Words) -> Countdown:
    if ended(state):
        return fixed("Next update", "none due")
    mine = WAITED_FOR & set(audiences(reader))
    due = [
        each for each in read(protocol_of(incident.protocol_id), state, words.now)
        if each.audience in mine and each.word in ("running", "overdue") and each.due is not None
    ]  # fmt: skip
    if not due:
        return fixed("Next update", "none due")
    first = min(due, key=lambda each: each.due or "")
    return words.until(f"Next update due {words.at(first.due).short}", first.due, soon=first.amber_at)  # type: ignore[arg-type]  # filtered above


def _contact(state: State, comms: int | None, words: Words) -> str:
    if comms is None or ended(state):
        return ""
    seat = "Comms Lead" if holder(state, "comms") else "Incident Commander"
    return f"Questions go to the {seat}, {words.name(comms)}."


def _updates(incident: Incident, reader: User, words: Words) -> tuple[tuple[SummaryUpdate, ...], int]:
    """The texts for this reader, newest first, and how many updates are older; of one update only the text meant most for them."""
    texts = UpdateText.objects.filter(update__incident=incident, audience__in=audiences(reader))
    found = list(texts.select_related("update").order_by("-update__number", "audience")[:MOST])
    shown: dict[int, SummaryUpdate] = {}
    for text in found:
        if text.update_id not in shown:
            shown[text.update_id] = SummaryUpdate(
                words.at(text.update.sent_at), text.subject, parts(text.body), ""
            )
    whole = texts.values("update").distinct().count() if len(found) == MOST else len(shown)
    return tuple(shown.values()), whole - len(shown)

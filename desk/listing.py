"""GET /incidents/: every incident, newest first, to search and to page through. POST goes to declaring."""

from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from desk import page_acts, visible
from desk.room.shapes import ListRow, ListView, Severity
from desk.room.words import moment_of, rough
from desk.search import KINDS, STATES, Asked, Found, page
from desk.summary import WORDS as OUTSIDE
from desk.triage import subject
from incidentdesk.kernel.errors import Invalid
from incidentdesk.kernel.http import DeskRequest
from incidentdesk.kernel.stamps import Stamp, moment
from incidentdesk.kernel.text import clean_line
from incidents.sentences import STATUS
from people import access
from people.models import User

URL = "/incidents/"


@access.signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def incidents(request: DeskRequest) -> HttpResponseBase:
    """The list, or with POST a new incident."""
    if request.method == "POST":
        return page_acts.declare(request)
    return _list(request)


def _list(request: DeskRequest) -> HttpResponse:
    asked = _asked(request)
    seen = request.user.sees_room or visible.sees_summaries(request.user)
    rows, more = page(asked) if seen else ([], False)
    return render(request, "desk/incidents.html", {"list": _view(asked, rows, request.user, more=more)})


def _asked(request: DeskRequest) -> Asked:
    """The filters in the address; what is none of the choices counts as not given."""
    query = request.GET
    try:
        q = clean_line(query.get("q", ""), limit=200)
    except Invalid:
        q = clean_line(query.get("q", "")[:200])
    severity, state, kind = (query.get(name, "") for name in ("severity", "state", "kind"))
    return Asked(
        q=q,
        severity=severity if severity in ("1", "2", "3", "4") else "",
        state=state if state in STATES else "",
        kind=kind if kind in KINDS else "",
        after=query.get("after", ""),
        whole=request.user.sees_room,
    )


def _view(asked: Asked, rows: list[Found], user: User, *, more: bool) -> ListView:
    kept = {name: value for name in ("q", "severity", "state", "kind") if (value := getattr(asked, name))}
    first = f"{URL}?{urlencode(kept)}" if kept else URL
    what = f" matches “{asked.q}”" if asked.q else " like that" if kept else " yet"
    return ListView(
        q=asked.q,
        severity=asked.severity,
        state=asked.state,
        kind=asked.kind,
        rows=tuple(_row(row, user) for row in rows),
        next=f"{URL}?{urlencode({**kept, 'after': rows[-1].key})}" if more else "",
        first=first if asked.after else "",
        found=f"{len(rows)} shown, newest first" if rows else f"No incident{what}.",
    )


def _row(row: Found, user: User) -> ListRow:
    level = row.severity or row.presumed or 0
    took = (row.resolved - row.alert).total_seconds() if row.resolved else 0.0
    felt = _felt(row.impact, row.now)
    return ListRow(
        url=f"{URL}{row.key}/" if user.sees_room else f"{URL}{row.key}/summary/",
        key=row.key,
        title=subject(row.title),
        severity=Severity(level, f"SEV-{level}" if level else "not rated", presumed=row.severity is None),
        status=(STATUS if user.sees_room else OUTSIDE)[row.status],
        drill=row.kind == "drill",
        services=row.services if user.sees_room else "",
        alert=moment_of(row.alert, user.tz),
        duration=rough(felt) if felt else "",
        resolve_time=rough(took) if took > 0 else "",
    )


def _felt(impact: list[list[str | None]], now: datetime) -> float:
    """Seconds from the first start of the impact to its last end, or until now."""
    begun = [moment(Stamp(each[0])) for each in impact if each[0]]
    if not begun:
        return 0.0
    ends = [moment(Stamp(each[1])) if each[1] else now for each in impact]
    return (max(ends) - min(begun)).total_seconds()

"""GET /incidents/<key>/record/: the whole record to read and to print, oldest first, one sentence an entry.

`?after=SEQ` and `?before=SEQ` turn its pages. Refusals, misses and what the desk did by itself stand in their places.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from desk import visible
from desk.room.clocks import tiles
from desk.room.header import severity, status
from desk.room.load import Bundle, Row, Source, Want, begin, fill, instant, older
from desk.room.shapes import ClockTile, Entry, Moment, Pair, RecordView
from desk.room.standing import Standing
from desk.room.timeline import Teller, teller
from desk.room.words import Words, rough
from desk.triage import subject
from incidentdesk.kernel.errors import Missing
from incidentdesk.kernel.http import DeskRequest
from incidentdesk.kernel.stamps import moment
from incidents.models import Incident, ProtocolVersion
from incidents.protocol import Reading, read
from incidents.protocol.score import detection_delay, durations, impact_minutes
from incidents.protocol.state import holder
from people import access, audit

PAGE: Final = 200
PINNED: Final = frozenset({"corrected", "theory.settled"})
SOURCES: Final = frozenset({Source.SERVICES, Source.CLIENTS, Source.CATALOGUE})


@access.room
@require_GET
def record(request: DeskRequest, key: str) -> HttpResponse:
    """One page of the record."""
    try:
        incident = visible.in_room(request.user, key)
    except Missing as error:
        raise Http404 from error
    first = _first(request, incident)
    now, tick = instant()
    source = audit.Source.of(request)  # the page is made to be printed and passed on
    source.tally(audit.Event.EXPORTED, about=f"record of {incident.key}", now=now)
    bundle = begin(incident, request.user, now=now, tick=tick)
    last = min(incident.seq, first + PAGE - 1)
    bundle.rows = sorted(older(bundle, range(first, last + 1), []), key=lambda row: row.seq)
    fill(
        bundle,
        Want(
            rows=False, all_of=PINNED, last_of=frozenset({"status.moved", "impact.started"}), sources=SOURCES
        ),
    )
    return render(request, "desk/record.html", {"record": view(bundle, first=first, last=last)})


def _first(request: DeskRequest, incident: Incident) -> int:
    """The first entry of the page that the address asks for; what is no number asks for the first."""
    after, before = (request.GET.get(name, "") for name in ("after", "before"))
    if after.isdecimal() and len(after) < 10:
        return min(int(after), incident.seq) + 1
    if before.isdecimal() and len(before) < 10:
        return max(1, min(int(before), incident.seq + 1) - PAGE)
    return 1


def view(bundle: Bundle, *, first: int, last: int) -> RecordView:
    """`record` of the templates, with the entries from `first` to `last`."""
    incident, fold = bundle.incident, bundle.state
    words = Words(now=bundle.now, zone=bundle.viewer.tz, viewer=bundle.viewer.pk, people=bundle.people,
                  today=bundle.wall)  # fmt: skip
    here = Standing(bundle.protocol, fold, bundle.viewer, bundle.now)
    told = teller(words=words, protocol=bundle.protocol, state=fold, rights=here.rights,
                  rows=[*bundle.pinned, *bundle.rows], names=bundle.catalogue)  # fmt: skip
    moved = bundle.last("status.moved")
    base = f"/incidents/{incident.key}/"
    return RecordView(
        key=incident.key,
        title=subject(incident.title),
        base=base,
        severity=severity(fold),
        status=status(fold, moved.happened if moved else fold["opened"], words),
        drill=incident.kind == Incident.Kind.DRILL,
        facts=_facts(bundle, words),
        milestones=tuple(_milestones(bundle, told)),
        durations=_durations(bundle),
        readings=_readings(bundle, words),
        entries=tuple(_entries(told, bundle.rows)),
        local=words.local,
        next=f"{base}record/?after={last}" if last < incident.seq else "",
        previous=f"{base}record/?before={first}" if first > 1 else "",
        made=words.at(bundle.now),
    )


def _entries(told: Teller, rows: Iterable[Row]) -> Iterable[Entry]:
    """Each entry with a sentence of its own; in the room its title says as much, a story wants it whole."""
    for row in rows:
        if not told.shows(row):
            continue
        entry = told.entry(row)
        if not entry.sentence or entry.phase:
            entry = replace(entry, sentence=told.story(row), phase="")
        yield entry


def _facts(bundle: Bundle, words: Words) -> tuple[Pair, ...]:
    fold, incident = bundle.state, bundle.incident
    number = ProtocolVersion.objects.values_list("number", flat=True).get(pk=incident.protocol_id)
    commander = holder(fold, "ic")
    opened = {"alert": "by an alert", "hand": "by hand"}.get(fold["source"], "")
    return (
        Pair("Opened", f"{words.at(fold['opened']).full} {opened}".strip()),
        Pair("Owner", words.name(fold["owner"]) if fold["owner"] else "nobody"),
        Pair("Incident Commander", words.name(commander) if commander else "nobody"),
        Pair("Services", ", ".join(each["name"] for each in bundle.services) or "unknown"),
        Pair("Clients", ", ".join(each["name"] for each in bundle.clients) or "none named"),
        Pair("Protocol", f"version {number}"),
        Pair("Entries", str(incident.seq)),
        Pair("Head of the chain", bytes(incident.head_hash).hex()[:16]),
    )


def _milestones(bundle: Bundle, told: Teller) -> Iterable[tuple[str, Moment | None, str]]:
    """INC-14: every stamp the protocol asks for, the alert and the start of the impact before them."""
    fold, words = bundle.state, told.words
    stamped = dict(fold["milestones"])
    start = stamped.pop("impact_start", None)
    yield (
        ("Impact start", words.at(start["at"]), told.plus(moment(start["at"])))
        if start
        else ("Impact start", None, "")
    )
    yield "Alert fired", words.at(fold["alert"]), "T+0"
    for name in bundle.protocol.milestones:
        label = name.replace("_", " ").capitalize().replace("Ic ", "IC ")
        found = stamped.get(name)
        if found:
            yield label, words.at(found["at"]), told.plus(moment(found["at"]))
        else:
            yield label, None, ""


def _durations(bundle: Bundle) -> tuple[Pair, ...]:
    """Times from the alert to each milestone, then impact and detection (INC-15, INC-16, RES-16)."""
    fold = bundle.state
    minute = fold["minute"]
    pairs = [
        Pair(f"Time {name}", rough(took * minute)) for name, took in durations(fold).items() if took >= 0
    ]
    whole, total = impact_minutes(fold, bundle.now)
    if whole:
        pairs.append(Pair("Impact", rough(whole * minute)))
    if round(total) != round(whole):
        pairs.append(Pair("Impact without pauses", rough(total * minute)))
    if (delay := detection_delay(fold)) > 0:
        pairs.append(Pair("Detection delay", rough(delay * minute)))
    return tuple(pairs)


def _readings(bundle: Bundle, words: Words) -> tuple[ClockTile, ...]:
    """Every occurrence of every clock, in the protocol's order."""
    found: list[ClockTile] = []
    for reading in read(bundle.protocol, bundle.state, bundle.now):
        if reading.word != "not started":
            named = replace(reading, label=_label(reading, bundle, words), strip=True)
            found += tiles([named], bundle.protocol, bundle.state, words)
    return tuple(found)


def _label(reading: Reading, bundle: Bundle, words: Words) -> str:
    subject = bundle.protocol.clock[reading.clock].subject
    about = ""
    if subject == "page" and reading.subject in bundle.state["pages"]:
        about = f", {words.name(bundle.state['pages'][reading.subject]['user'])}"
    elif subject == "user":
        about = f", {words.name(int(reading.subject))}"
    elif reading.subject:
        about = f" {reading.subject}"
    return f"{reading.label}{about}" + (f", {reading.n}" if reading.n > 1 else "")

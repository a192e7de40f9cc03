"""Declaring: from any page, with one short form, before anything is known (INC-01, -02, -08)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from desk import triage
from desk.flows.act import Answer, act, conclude, remember
from desk.flows.room import Room
from desk.forms.incident import DeclareForm
from incidentdesk.kernel.errors import Invalid, NotAllowed
from incidents import catalogue, lifecycle, projection
from incidents.models import Client, Incident, Service
from incidents.protocol import Protocol, parse
from people.models import Team, User
from people.rights import Right, columns, may, refusal


def declare(
    form: DeclareForm,
    *,
    by: User,
    request_id: str,
    now: datetime,
    time: str = "wall",
    options: dict[str, Any] | None = None,
) -> Answer:
    """Open a record and declare it in one act. Twice with one request id is once (INC-08).

    Raises NotAllowed, Invalid (with the fields) and nothing else.
    """
    if not may(Right.DECLARE, columns(by.roles)):
        raise NotAllowed(refusal(Right.DECLARE))
    lifecycle.prepare(now=now)
    if not _known(form.services):
        lifecycle.unsorted()
    with transaction.atomic():
        known = remember(by, request_id, "declare", None, form, now=now)
        if known is not None:
            return known
        room = Room(lifecycle.open_record(_opening(form, by, now, time, options), by=by.pk, now=now,
                                          role=by.roles[0] if by.roles else ""), by=by, now=now)  # fmt: skip
        sentence = _declare(room, form)
        _hand_over(room)
        room.save()
        answer = Answer(
            room.record.key, sentence, room.last.seq, room.last.kind, room.last.seq, room.warnings
        )
        conclude(by, request_id, answer)
        return answer


def _opening(
    form: DeclareForm, by: User, now: datetime, time: str, options: dict[str, Any] | None
) -> lifecycle.Opening:
    services = _services(form.services)
    fired = form.alert_fired_at or now
    if fired > now:
        raise Invalid(
            fields={"alert_fired_at": "This time lies in the future. Choose when it was first seen."}
        )
    clients = list(catalogue.offered(Client.objects.filter(slug__in=form.clients)))
    severity = chosen(form, parse(lifecycle.current_protocol(now).text))
    title = form.title or triage.title(severity, [service.name for service in services], form.symptom)
    return lifecycle.Opening(
        title=title[:200], services=services, clients=clients, alert_fired_at=fired, source="hand",
        presumed=severity, symptom=form.symptom, owner=_owner(services[0].team, by), time=time, options=options,
    )  # fmt: skip


def _owner(team: Team, by: User) -> int:
    """Who declares owns it. Somebody whose roles lead into no room cannot: then it is the first of the team's list who
    can be reached and may enter, else its manager."""
    if by.sees_room:
        return by.pk
    reached = User.objects.filter(is_active=True, is_machine=False, sees_room=True)
    listed = reached.filter(steps__team=team).order_by("steps__position")
    found = listed.first() or reached.filter(manages=team).first()
    return (found or by).pk


def _hand_over(room: Room) -> None:
    """Tell the owner who has not declared it themselves."""
    if room.state["owner"] != room.by.pk:
        room.tell([room.state["owner"]], "you own it", f"{room.by.name} declared it and cannot enter its room. "
                  "You own it until an Incident Commander takes it.", key="owner")  # fmt: skip


def _known(slugs: Sequence[str]) -> list[str]:
    """What was named, each once, without the service that stands for an unknown one."""
    return [slug for slug in dict.fromkeys(slugs) if slug != lifecycle.UNSORTED]


def _services(slugs: Sequence[str]) -> list[Service]:
    wanted = _known(slugs)
    rows = catalogue.offered(Service.objects.select_related("team").filter(slug__in=wanted))
    found = {service.slug: service for service in rows}
    if len(found) < len(wanted):
        raise Invalid(fields={"services": "One of these services is retired or not in the catalogue."})
    if not wanted:
        return [lifecycle.unsorted()]
    return [found[slug] for slug in wanted]


def _of_status(room: Room, form: DeclareForm) -> int:
    return room.state["status_seq"]


@act(
    "declarations",
    Right.DECLARE,
    DeclareForm,
    "declared",
    "severity.set",
    "lead.told",
    "bridge.opened",
    answers=_of_status,
)
def declarations(room: Room, form: DeclareForm) -> str:
    """Declare a record that an alert opened."""
    room.check("declared")
    if form.services and form.services != ["unsorted"]:
        record_services(room, form.services)
    if form.title and form.title != room.record.title:
        room.record.title = form.title[:200]
        Incident.objects.filter(pk=room.record.id).update(title=room.record.title)
        projection.index_words(room.record.id, form.symptom)
    return _declare(room, form)


def record_services(room: Room, slugs: Sequence[str]) -> None:
    """Set the affected services from a declaration, if they differ from what the alert said."""
    services = room.services(slugs)
    incident = Incident.objects.get(pk=room.record.id)
    if {service.pk for service in services} != set(incident.services.values_list("pk", flat=True)):
        incident.services.set(services)
        room.add(
            "scope.set", {"services": [service.pk for service in services], "clients": room.state["clients"]}
        )


def _answers(form: DeclareForm) -> triage.Answers:
    return triage.Answers(form.affected, form.share, form.core, form.worse, form.internal, form.data)


def chosen(form: DeclareForm, protocol: Protocol) -> int:
    """The severity that was picked, else the one the answers suggest. Raises Invalid where there is neither."""
    if form.severity is not None:
        return form.severity
    suggested = triage.suggest(protocol, _answers(form))
    if suggested is None:
        raise Invalid(fields={"severity": "Pick a severity, or answer the first question."})
    return suggested.level


def _declare(room: Room, form: DeclareForm) -> str:
    answers = _answers(form)
    suggested = triage.suggest(room.protocol, answers)
    severity = chosen(form, room.protocol)
    if suggested and severity > suggested.level and not form.reason:
        room.warn(
            f"The answers suggest SEV-{suggested.level}. Declared as SEV-{severity} all the same; say why in the log."
        )
    payload = {
        "severity": severity,
        "suggested": suggested.level if suggested else None,
        "below": bool(suggested and severity > suggested.level),
        "answers": {name: value for name, value in vars(answers).items() if value},
        "hit": form.affected == "yes",
    }
    room.add("declared", payload, texts={"symptom": form.symptom, "reason": form.reason, "title": form.title})
    declared = room.last
    major(room)
    room.last = declared
    return f"{room.record.key} is declared as SEV-{severity}."


def major(room: Room) -> None:
    """What SEV-1 and SEV-2 bring about at once: lead notice, bridge, drafts (CLK-05, CMD-01, COM-09)."""
    if room.state["severity"] not in (1, 2):
        return
    if "lead_told" not in room.state["milestones"]:
        lead = room.state["managers"] or room.state["ladder"][:1]
        room.add("lead.told", {"users": lead, "by": "declaration"}, desk=True)
        room.tell(lead, f"SEV-{room.state['severity']} declared",
                  f"{room.by.name} declared SEV-{room.state['severity']}. Work has begun.", key="lead")  # fmt: skip
    if room.state["bridge"] is None:
        link = (
            Service.objects.filter(incidents=room.record.id)
            .exclude(bridge="")
            .values_list("bridge", flat=True)
            .first()
        )
        if link:
            room.add("bridge.opened", {"by": "declaration"}, texts={"link": link}, desk=True)
    room.add("draft.prepared", {"why": "declared", "to": ["clients", "public"]}, desk=True)

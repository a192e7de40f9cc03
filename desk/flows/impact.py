"""What is hit, since when and how badly; the alert's time; the objective (INC-03, -16, -23..25; CLK-12; RES-02)."""

from typing import Any

from django.db.models import Min

from desk.flows.act import Answers, act
from desk.flows.room import Room
from desk.forms.impact import (
    AlertTimeForm,
    BlastForm,
    ClientConfirmForm,
    ImpactForm,
    ImpactStartForm,
    ObjectiveForm,
    SampleForm,
    ScopeForm,
)
from incidentdesk.kernel.errors import Invalid
from incidentdesk.kernel.stamps import stamp
from incidents import projection
from incidents.models import Incident, TimelineEntry
from incidents.protocol import clocks
from people.rights import Right


def _of(kind: str) -> Answers:
    """What was stated before, as one entry of this kind."""
    return lambda room, form: room.latest(kind)


def _of_impact(room: Room, form: Any) -> int:
    return room.state["impact_seq"]


@act(
    "alert-time",
    Right.STATE_IMPACT,
    AlertTimeForm,
    "alert_time.corrected",
    answers=_of("alert_time.corrected"),
)
def alert_time(room: Room, form: AlertTimeForm) -> str:
    """Correct when the alert fired; every clock that runs from it follows."""
    room.check("alert_time.corrected")
    if form.at > room.now:
        raise Invalid(fields={"at": "This time lies in the future."})
    first = TimelineEntry.objects.filter(incident_id=room.record.id).aggregate(at=Min("happened_at"))["at"]
    if form.at > first:
        raise Invalid(
            fields={
                "at": f"Something happened at {first:%H:%M:%S} UTC already, and nothing does before the alert."
            }
        )
    room.add(
        "alert_time.corrected",
        {"from": room.state["alert"], "to": stamp(form.at)},
        texts={"reason": form.reason},
    )
    return "The alert's time is corrected; the clocks follow."


@act("scope", Right.STATE_IMPACT, ScopeForm, "scope.set", answers=_of("scope.set"))
def scope(room: Room, form: ScopeForm) -> str:
    """State which services, clients, regions, environments, features and products are hit."""
    room.check("scope.set")
    _set_scope(room, form.services, form.clients, {
        "regions": form.regions, "environments": form.environments, "features": form.features, "products": form.products,
    })  # fmt: skip
    return "The scope is stated."


def _set_scope(room: Room, services: list[str], clients: list[str], texts: dict[str, str]) -> None:
    known = [slug for slug in services if slug not in ("unknown", "unsorted")]
    named = [slug for slug in clients if slug != "unknown"]
    payload: dict[str, Any] = {
        "services": [service.pk for service in room.services(known)],
        "clients": [client.pk for client in room.clients(named)],
        "unknown": [
            name for name, slugs in (("services", services), ("clients", clients)) if "unknown" in slugs
        ],
    }
    room.add("scope.set", payload, texts=texts)
    incident = Incident.objects.get(pk=room.record.id)
    if payload["services"]:
        incident.services.set(payload["services"])
    incident.clients.set(payload["clients"])
    projection.index_words(room.record.id)


@act("impact", Right.STATE_IMPACT, ImpactForm, "impact.stated")
def impact(room: Room, form: ImpactForm) -> str:
    """State the impact: any of its figures, each with its time, so that growth can be seen."""
    room.check("impact.stated")
    numbers = {
        name: getattr(form, name) for name in ("users", "percent", "revenue", "tickets", "stuck")
        if getattr(form, name) is not None
    }  # fmt: skip
    texts = {name: getattr(form, name) for name in ("fails", "error_rate", "latency", "note")}
    if not numbers and not form.worse and not any(texts.values()):
        raise Invalid("State at least one thing: users, what fails, a rate, or whether it is getting worse.")
    room.add("impact.stated", {**numbers, "worse": form.worse}, texts=texts, happened_at=form.happened_at)
    return "The impact is stated."


@act("impact-starts", Right.STATE_IMPACT, ImpactStartForm, "impact.started", answers=_of_impact)
def impact_starts(room: Room, form: ImpactStartForm) -> str:
    """State when the impact began; it may lie before the alert. After its end a later start opens it again."""
    room.check("impact.started")
    if form.happened_at > room.now:
        raise Invalid(fields={"happened_at": "This time lies in the future."})
    at = stamp(form.happened_at)
    last = room.state["impact"][-1] if room.state["impact"] else [None, None]
    again = last[1] is not None and at > last[1]
    first_end = room.state["impact"][0][1] if room.state["impact"] else None
    if not again and first_end is not None and at > first_end:
        raise Invalid(
            fields={
                "happened_at": "The impact had ended by then. Give a time before its first end, or after its last."
            }
        )
    room.add("impact.started", {"at": at, "again": again}, texts={"note": form.note})
    return "The start of the impact is stated."


@act("samples", Right.STATE_IMPACT, SampleForm, "sample.bad")
def samples(room: Room, form: SampleForm) -> str:
    """Enter a reading that was not clean: the window starts again, and everybody is told."""
    room.check("sample.bad")
    room.add("sample.bad", {}, texts={"note": form.note}, happened_at=form.happened_at)
    if clocks.window_runs(room.protocol, room.state):
        room.tell(room.everyone(), "the window starts again", f"{room.by.name} saw a bad sample: {form.note}",
                  key=f"sample:{room.last.seq}")  # fmt: skip
        return "The stabilisation window starts again from now."
    return "The bad sample is recorded."


@act("blast-radius", Right.STATE_IMPACT, BlastForm, "blast.reported")
def blast_radius(room: Room, form: BlastForm) -> str:
    """Report the blast radius; parts that are missing may be "checking" (CLK-12)."""
    room.check("blast.reported")
    texts = {
        "text": form.text,
        "environments": form.environments,
        "healthy": form.healthy,
        "stuck": form.stuck,
    }
    payload = {
        "services": [
            service.pk
            for service in room.services(s for s in form.services if s not in ("unknown", "unsorted"))
        ],
        "clients": [client.pk for client in room.clients(c for c in form.clients if c != "unknown")],
    }
    room.add("blast.reported", payload, texts=texts, happened_at=form.happened_at)
    return "The blast radius is reported."


@act("objectives", Right.DECIDE, ObjectiveForm, "objective.set", answers=_of("objective.set"))
def objectives(room: Room, form: ObjectiveForm) -> str:
    """Set the one objective, in outcome words (INC-23)."""
    room.check("objective.set")
    room.add("objective.set", {}, texts={"text": form.text})
    return "The objective is set."


@act("client-confirmations", Right.POST, ClientConfirmForm, "client.confirmed")
def client_confirmations(room: Room, form: ClientConfirmForm) -> str:
    """Enter that a client confirmed the recovery (RES-06)."""
    room.check("client.confirmed")
    client = room.clients([form.client])[0]
    if client.pk not in room.state["clients"]:
        raise Invalid(fields={"client": f"{client.name} is not among the affected clients."})
    room.add(
        "client.confirmed", {"client": client.pk}, texts={"note": form.note}, happened_at=form.happened_at
    )
    return f"{client.name} has confirmed."

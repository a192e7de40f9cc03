"""`declare` of the templates: from what is known and typed so far to questions, suggestion, title and warning.

Severity comes from impact alone (SEV-02): nothing here asks for a cause, and what the answers give is a suggestion.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from desk import triage
from desk.answers import FormState, Told
from desk.room.shapes import Check, DeclareView, Link, Option, Question, Severity, Verdict
from desk.room.words import moment_of
from incidents import catalogue
from incidents.models import Client, EntryText, Incident, ProtocolVersion, Service, TimelineEntry
from incidents.protocol import Protocol, default_text, parse
from incidents.record import protocol_of, state_of
from people.models import User

VERDICT_URL = "/declare/verdict/"
# Prefilled, so that a record can be declared before anything is known (INC-01).
NOT_KNOWN = "not working as it should"
UNSORTED = "unsorted"


@dataclass(frozen=True)
class Typed:
    """The fields as they stand in the form, whether they came with an address, a refusal or a record."""

    values: Mapping[str, object]

    def text(self, name: str, default: str = "") -> str:
        """A field of one value."""
        value = self.values.get(name, default)
        return _said(value[-1] if isinstance(value, tuple | list) else value)

    def many(self, name: str) -> list[str]:
        """A field of several."""
        value = self.values.get(name, ())
        return [_said(each) for each in value] if isinstance(value, tuple | list) else [_said(value)]

    def ticked(self, name: str) -> bool:
        """A box."""
        return self.text(name) == "on"

    @property
    def level(self) -> int:
        """The severity that a person picked, not one that the page took over from the suggestion; 0 for none."""
        value = self.text("severity") if self.text("picked") else ""
        return int(value) if value in ("1", "2", "3", "4") else 0

    @property
    def answers(self) -> triage.Answers:
        """The answers to the questions; words that are none of the choices count as no answer."""
        known = {name: set(choices) for name, _, choices in _questions({})}
        said = {name: self.text(name) if self.text(name) in known[name] else "" for name in known}
        return triage.Answers(**said, internal=self.ticked("internal"), data=self.ticked("data"))


def _said(value: object) -> str:
    return str(value).replace("\0", "")  # which no statement may carry


def current() -> Protocol:
    """The protocol that a new incident would be opened under."""
    text = ProtocolVersion.objects.order_by("-number").values_list("text", flat=True).first()
    return parse(text or default_text())


def _questions(settings: Mapping[str, object]) -> list[tuple[str, str, dict[str, str]]]:
    """TRI-02..05 with the bounds of the protocol; "not sure" is always a choice (TRI-07)."""
    upper, lower = settings.get("triage_upper", ""), settings.get("triage_lower", "")
    answers = {"yes": "Yes", "no": "No", "unsure": "Not sure"}
    shares = {
        "over": f"More than {upper}%", "middle": f"{lower} to {upper}%", "under": f"Fewer than {lower}%",
        "unsure": "Not sure",
    }  # fmt: skip
    return [
        ("affected", "Do customers feel it at this moment?", answers),
        ("share", "What share of customers is affected?", shares),
        ("core", "Is a core revenue function hit?", answers),
        ("worse", "Is it getting worse?", answers),
    ]


def verdict(protocol: Protocol, typed: Typed, services: Sequence[str]) -> Verdict:
    """What the answers suggest, and the title that follows from it (INC-05)."""
    found = triage.suggest(protocol, typed.answers)
    level = found.level if found else 0
    picked = typed.level or level
    below = bool(found) and picked > level
    return Verdict(
        severity=Severity(level, f"SEV-{level}" if level else "not rated"),
        meaning=protocol.severities[level].meaning
        if level
        else "Answer what you can, or pick a severity below.",
        because=tuple(Check(reason.text, reason.sure, "") for reason in found.because) if found else (),
        rule=found.rule if found else "It is rated by impact, not by difficulty.",
        title=triage.title(picked, list(services) or ["Unsorted"], typed.text("symptom")) if picked else "",
        below=f"The answers suggest SEV-{level}. A lower severity is accepted; say why." if below else "",
    )


def view(
    viewer: User, typed: Typed, *, incident: Incident | None, now: datetime,
    answer: Told | None = None, form: FormState | None = None,
) -> DeclareView:  # fmt: skip
    """The whole page. `incident` is a record that an alert opened and nobody has declared; `now` is aware UTC."""
    protocol = protocol_of(incident.protocol_id) if incident else current()
    typed = Typed({**_known(incident), **typed.values})
    services = list(_offered(incident).exclude(slug=UNSORTED).select_related("team").order_by("name"))
    chosen = set(typed.many("services"))
    named = [service.name for service in services if service.slug in chosen]
    said = verdict(protocol, typed, named)
    fired = moment_of(incident.alert_fired_at if incident else now, viewer.tz)
    base = f"/incidents/{incident.key}/" if incident else ""
    return DeclareView(
        action=f"{base}declarations/" if incident else "/incidents/",
        verdict_url=VERDICT_URL,
        key=incident.key if incident else "",
        back=base or "/",
        title=typed.text("title"),
        services=(*(_service(each, chosen) for each in services),
                  Option(UNSORTED, "Not sure", "It can be sorted out later", UNSORTED in chosen)),
        clients=_clients(typed, chosen),
        symptom=typed.text("symptom", NOT_KNOWN),
        alert_fired_at=typed.text("alert_fired_at") or fired.local,
        zone=fired.zone,
        questions=_asked(protocol, typed),
        internal=typed.ticked("internal"),
        data=typed.ticked("data"),
        severities=_severities(protocol, typed.level or said.severity.level),
        verdict=said,
        then=then(protocol, typed.level or said.severity.level or (incident.presumed if incident else None) or 0),
        open_like=_open_like(chosen, incident, viewer),
        version=str(state_of(incident)["status_seq"]) if incident else "",
        answer=answer,
        form=form or FormState(),
    )  # fmt: skip


def _known(incident: Incident | None) -> dict[str, object]:
    """What the alert said: services, clients and symptom."""
    if incident is None:
        return {}
    known: dict[str, object] = {
        "services": tuple(incident.services.values_list("slug", flat=True)),
        "clients": tuple(incident.clients.values_list("slug", flat=True)),
    }
    symptom = _symptom(incident)
    return {**known, "symptom": symptom} if symptom else known


def _symptom(incident: Incident) -> str:
    """The alert's words in one line: its summary, else its name; nothing where it had neither."""
    seqs = TimelineEntry.objects.filter(incident=incident, kind__in=("opened", "alert.fired")).values("seq")
    for text in EntryText.objects.filter(incident=incident, seq__in=seqs).order_by("seq"):
        for name in ("symptom", "summary", "name"):
            if text.body.get(name):
                return str(text.body[name]).splitlines()[0][:200]
    return ""


def _service(service: Service, chosen: set[str]) -> Option:
    hint = f"{service.team.name}{', critical path' if service.critical_path else ''}"
    return Option(service.slug, service.name, hint, service.slug in chosen)


def _offered(incident: Incident | None) -> QuerySet[Service]:
    return catalogue.offered(Service.objects.all(), incident.pk if incident else None)


def _clients(typed: Typed, services: set[str]) -> tuple[Option, ...]:
    """Every client; those of the chosen services are proposed until somebody has chosen otherwise."""
    proposed = set(typed.many("clients")) if "clients" in typed.values else set()
    if not proposed and services:
        proposed = set(
            catalogue.offered(Client.objects.filter(services__slug__in=services)).values_list(
                "slug", flat=True
            )
        )
    return tuple(
        Option(slug, name, chosen=slug in proposed)
        for slug, name in catalogue.offered(Client.objects.all()).order_by("name").values_list("slug", "name")
    )


def _asked(protocol: Protocol, typed: Typed) -> tuple[Question, ...]:
    return tuple(
        Question(name, text, tuple(Option(value, label, chosen=typed.text(name) == value) for value, label in choices.items()))
        for name, text, choices in _questions(protocol.settings)
    )  # fmt: skip


def _severities(protocol: Protocol, chosen: int) -> tuple[Option, ...]:
    return tuple(
        Option(
            str(each.level),
            each.name,
            f"{each.meaning}. {each.customers}. {each.revenue}.",
            each.level == chosen,
        )
        for each in protocol.severities.values()
    )


def then(protocol: Protocol, level: int) -> tuple[Link, ...]:
    """What the severity brings about, in the words of its response row (SEV-07..10); 0 is no severity yet."""
    if not level:
        return (Link("", "It follows from the severity: answer a question or pick one.", "circle-help"),)
    each = protocol.severities[level]
    lines = [(each.response, "timer"), (each.people, "users-round"), (each.communication, "megaphone")]
    return tuple(Link("", f"{each.name}: {text}", icon) for text, icon in lines)


LIKE = 5  # open incidents that are named; how many more there are is said


def _open_like(services: set[str], incident: Incident | None, viewer: User) -> tuple[Link, ...]:
    """Open incidents on the same services: one of them may be this one already."""
    if not services:
        return ()
    others = ~Q(pk=incident.pk) if incident else Q()
    touching = Service.objects.filter(slug__in=services).values("incidents")
    found = Incident.objects.active().filter(others, pk__in=touching, time=Incident.Time.WALL)
    rows = list(found.order_by("-opened_at").values_list("key", "title"))
    page = "" if viewer.sees_room else "summary/"
    links = [Link(f"/incidents/{key}/{page}", f"{key} {title}") for key, title in rows[:LIKE]]
    return (*links, Link("/incidents/", f"{len(rows) - LIKE} more")) if len(rows) > LIKE else tuple(links)

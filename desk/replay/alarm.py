"""What monitoring does in a scenario: an alert fires, an alert resolves."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from desk.admission import admit
from desk.flows.act import Answer
from desk.forms.fields import Form, Level, Line, NeedLine, When
from desk.replay.cast import Cast
from incidentdesk.kernel.errors import Invalid
from incidents.models import Incident
from oncall import driven


class AlertForm(Form):
    """An alert fires; one that is critical opens an incident or joins that of its group."""

    name: NeedLine
    service: NeedLine
    severity: Literal["critical", "warning"] = "critical"
    presumed: Level | None = None
    group: Line = ""
    summary: Line = ""
    value: Line = ""
    started_at: When = None


class ResolvedForm(Form):
    """An alert resolves; that proposes and moves nothing."""

    name: NeedLine


FORMS: dict[str, type[Form]] = {"alert": AlertForm, "alert-resolved": ResolvedForm}


@dataclass(frozen=True)
class Fired:
    """An alert of this run: its row, and the key of the incident it is on (empty for none)."""

    id: int
    incident: str
    sentence: str


def fire(form: AlertForm, cast: Cast, mark: str, *, now: datetime) -> Fired:
    """Let an alert fire at `now`. Raises Invalid for a service that the file does not have."""
    if form.service not in cast.services:
        raise Invalid(f"service: {form.service!r} is no service of this file.")
    starts_at = form.started_at or now
    if starts_at > now:
        raise Invalid("started_at: an alert cannot start after it is received.")
    firing = driven.Firing(
        form.name, cast.services[form.service].slug, form.group or form.service, form.severity == "critical", starts_at,
        form.presumed, form.summary, form.value,
    )  # fmt: skip
    waiting = driven.fire(f"replay.{mark}", firing, now=now)
    known = Incident.objects.count()
    key = admit([waiting], now=now, time=Incident.Time.DRIVEN).get(waiting.id, "")
    opened = Incident.objects.count() > known
    return Fired(
        waiting.id, key, f"It opens {key}." if opened else f"It joins {key}." if key else "It opens nothing."
    )


def resolve(fired: Fired, *, now: datetime) -> Answer:
    """Let an alert resolve at `now`."""
    admit([driven.resolve(fired.id, now=now)], now=now, time=Incident.Time.DRIVEN)
    return Answer(fired.incident, "It resolves, which proposes and moves nothing.")

"""What is sent to declare an incident, rate it, name its owner and move it to its end."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from desk.forms.fields import (
    OR_NONE,
    DatedVersion,
    Form,
    Level,
    Line,
    NeedLine,
    NeedText,
    Text,
    Ticked,
    Versioned,
    When,
)

Answered = Literal["yes", "no", "unsure", ""]


class DeclareForm(Versioned):
    """INC-01, TRI-02..08: no field asks for a cause. Without a severity it is the one that the answers suggest."""

    title: Line = ""
    services: list[Line] = Field(default_factory=list)
    clients: list[Line] = Field(default_factory=list)
    symptom: NeedText
    alert_fired_at: When = None
    severity: Annotated[Level | None, OR_NONE] = None
    reason: Text = ""
    affected: Answered = ""
    share: Literal["over", "middle", "under", "unsure", ""] = ""
    core: Answered = ""
    worse: Answered = ""
    internal: bool = False
    data: bool = False


class MoveForm(DatedVersion):
    """One step of the status table."""

    to: Literal["investigating", "identified", "mitigating", "monitoring"]
    note: Text = ""
    workaround: Text = ""


class ResolveForm(Versioned):
    """RES-01..04, -14. It has no time of its own: a resolve happens when it is recorded."""

    proof: Text = ""
    review_at: When = None
    items: dict[str, Ticked] = Field(default_factory=dict)
    note: Text = ""


class CloseForm(Versioned):
    """RES-06, RES-15; also a false alarm with its reason."""

    items: dict[str, Ticked] = Field(default_factory=dict)
    note: Text = ""
    reason: Text = ""


class TickForm(Versioned):
    """One line of a checklist."""

    item: NeedLine
    state: Ticked = "ticked"


class SeverityForm(Versioned):
    """SEV-18, SEV-19."""

    severity: Level
    reason: NeedText


class ProposeSeverityForm(Form):
    """SEV-18: others may propose."""

    severity: Level
    reason: NeedText


class OwnerForm(Versioned):
    """Who owns the incident until there is an IC."""

    person: UUID

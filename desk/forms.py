"""What people and programs may send with each act: one definition for page and API.

Texts are cleaned here (`kernel.text`), so nothing past this point holds control characters or endless words. Times
are aware; the page fills in the viewer's zone before it asks (`desk.parsing`).
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from incidentdesk.kernel.errors import Invalid
from incidentdesk.kernel.text import clean_line, clean_text


def _line(value: str) -> str:
    return _cleaned(clean_line, value)


def _text(value: str) -> str:
    return _cleaned(clean_text, value)


def _cleaned(clean: Callable[[str], str], value: str) -> str:
    try:
        return clean(value)
    except Invalid as error:  # so that the sentence stands beside its field, with those of all others
        raise ValueError(error.sentence) from None


def _none(value: Any) -> Any:
    return None if value == "" else value


def _some(value: str) -> str:
    if not value:
        raise ValueError("Write something here.")
    return value


Line = Annotated[str, AfterValidator(_line)]
Text = Annotated[str, AfterValidator(_text)]
NeedLine = Annotated[str, AfterValidator(_line), AfterValidator(_some)]
NeedText = Annotated[str, AfterValidator(_text), AfterValidator(_some)]
When = Annotated[AwareDatetime | None, BeforeValidator(_none)]
Seen = Annotated[int | None, BeforeValidator(_none)]
Who = Annotated[UUID | None, BeforeValidator(_none)]
Number = Annotated[Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)] | None, BeforeValidator(_none)]
Level = Annotated[int, Field(ge=1, le=4)]
Answered = Literal["yes", "no", "unsure", ""]
Ticked = Literal["ticked", "pending", ""]
AudienceName = Literal["responders", "executives", "clients", "public"]


class Form(BaseModel):
    """Base of every act's form; unknown fields are ignored (S21)."""

    model_config = ConfigDict(extra="ignore", str_max_length=20_000)


class Versioned(Form):
    """An act on something that somebody else may have changed: `seen_version` is what the person looked at."""

    seen_version: Seen = None


class Dated(Form):
    """An act that may have happened before it is entered."""

    happened_at: When = None


class DatedVersion(Versioned, Dated):
    """Both."""


class DeclareForm(Versioned):
    """INC-01, TRI-02..08: no field asks for a cause. Without a severity it is the one that the answers suggest."""

    title: Line = ""
    services: list[Line] = Field(default_factory=list)
    clients: list[Line] = Field(default_factory=list)
    symptom: NeedText
    alert_fired_at: When = None
    severity: Annotated[Level | None, BeforeValidator(_none)] = None
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


class ResolveForm(DatedVersion):
    """RES-01..04, -14."""

    proof: Text = ""
    review_at: When = None
    items: dict[str, Ticked] = Field(default_factory=dict)
    note: Text = ""


class CloseForm(Versioned):
    """RES-06, RES-15; also a false alarm with its reason."""

    items: dict[str, Ticked] = Field(default_factory=dict)
    note: Text = ""
    reason: Text = ""


class TickForm(Form):
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


class AlertTimeForm(Form):
    """INC-03."""

    at: AwareDatetime
    reason: NeedText


class ScopeForm(Form):
    """INC-24: each may be "unknown"."""

    services: list[Line] = Field(default_factory=list)
    clients: list[Line] = Field(default_factory=list)
    regions: Line = ""
    environments: Line = ""
    features: Line = ""
    products: Line = ""


class ImpactForm(Dated):
    """INC-25: all optional, each value with its time."""

    users: Number = None
    percent: Annotated[Annotated[float, Field(ge=0, le=100)] | None, BeforeValidator(_none)] = None
    fails: Text = ""
    error_rate: Line = ""
    latency: Line = ""
    revenue: Number = None
    tickets: Number = None
    stuck: Number = None
    worse: Literal["yes", "no", ""] = ""
    note: Text = ""


class ImpactStartForm(Form):
    """INC-16: may precede detection."""

    happened_at: AwareDatetime
    note: Text = ""


class NoteForm(Dated):
    """A stamp with an optional line."""

    note: Text = ""


class SampleForm(Dated):
    """RES-02: a reading that was not clean."""

    note: NeedText


class BlastForm(Dated):
    """CLK-12: missing parts may be "checking"."""

    services: list[Line] = Field(default_factory=list)
    clients: list[Line] = Field(default_factory=list)
    environments: Line = ""
    healthy: Line = ""
    stuck: Line = ""
    text: NeedText


class ObjectiveForm(Versioned):
    """INC-23: in outcome words."""

    text: NeedLine


class SeatForm(Versioned):
    """Claim (`person` empty) or name somebody (ROLE-01, -02, -15, -16)."""

    role: Literal["ic", "deputy", "ops", "ops2", "comms", "scribe", "sme"]
    domain: Literal["database", "network", "application", "security", "infrastructure", ""] = ""
    person: Who = None


class SeatOnlyForm(Versioned):
    """Which seat."""

    seat: NeedLine
    note: Text = ""


class HandoverForm(Versioned):
    """ROLE-03: the brief that the new holder accepts."""

    seat: NeedLine
    person: UUID
    text: NeedText


class HandoverAnswerForm(Form):
    """ROLE-03."""

    seat: NeedLine
    answer: Literal["accept", "decline"]
    note: Text = ""


class AbsenceForm(Form):
    """The IC is away, or back."""

    state: Literal["away", "back"]
    note: Text = ""


class BridgeForm(Dated):
    """CMD-36: a link, a phone number or a room."""

    link: NeedLine


class EmptyForm(Dated):
    """An act that needs no words."""


class TextForm(Dated):
    """An act with a line."""

    text: Text = ""


class EntryForm(Dated):
    """FIND-01..03, -10, -11."""

    kind: Literal["finding", "theory", "question", "action", "decision", "nothing", "note"]
    text: NeedText
    source: Line = ""
    value: Line = ""
    cause: bool = False
    shareable: bool = False
    to: Who = None
    why: Text = ""
    result: Text = ""


class CorrectionForm(Form):
    """FIND-08: a new entry that points at the old one."""

    seq: int
    text: NeedText
    reason: Text = ""


class TheoryForm(Form):
    """FIND-04."""

    seq: int
    state: Literal["confirmed", "ruled_out"]
    evidence: Annotated[int | None, BeforeValidator(_none)] = None
    note: Text = ""


class EscalationForm(Dated):
    """CLK-17, CLK-18."""

    to: Literal["l3", "leadership", "vendor", "team"]
    text: NeedText
    person: Who = None


class ReasonForm(Form):
    """CLK-17: nothing else but a reason meets these clocks."""

    clock: NeedLine
    text: NeedText


class ChangeForm(Dated):
    """APP-01; the risk may come later, but before the approval (APP-05)."""

    what: NeedText
    target: NeedLine
    why: NeedText
    effect: NeedText
    risk: Text = ""
    loss: Text = ""
    undo: NeedText
    implementer: Who = None
    notice: bool = False


class DoneForm(Dated):
    """APP-02: a change that was made already."""

    what: NeedText
    target: Line = ""
    why: Text = ""
    risk: Text = ""
    number: Annotated[int | None, BeforeValidator(_none)] = None
    person: Who = None


class ApproveForm(DatedVersion):
    """APP-06: one click is enough; `risk` may be stated with it."""

    number: int
    note: Text = ""
    risk: Text = ""


class RejectForm(DatedVersion):
    """APP-06."""

    number: int
    note: NeedText


class ChangeTextForm(DatedVersion):
    """A question about a change, or the reply."""

    number: int
    text: NeedText
    risk: Text = ""


class ChangeStepForm(DatedVersion):
    """Start or finish (APP-07)."""

    number: int
    text: Text = ""


class ConfirmForm(DatedVersion):
    """APP-07: was the effect seen?"""

    number: int
    seen: Literal["yes", "no"]
    text: Text = ""


class AcknowledgeForm(Dated):
    """ALR-04; without a page, the person's own."""

    page: Annotated[int | None, BeforeValidator(_none)] = None


class PageForm(Dated):
    """Wake a person by hand."""

    person: UUID
    text: Text = ""


class AlertEndForm(Form):
    """End an alert by hand, with a reason."""

    alert: int
    reason: NeedText


class ClientConfirmForm(Dated):
    """RES-06."""

    client: NeedLine
    note: Text = ""


class UpdateForm(Versioned):
    """TPL-09, -11, -12; `no-change` sends the last one again with its new times (COM-03)."""

    kind: Literal["full", "no-change"] = "full"
    audiences: list[AudienceName] = Field(min_length=1)
    status: Line = ""
    impact: Text = ""
    known: Text = ""
    shareable: Text = ""
    doing: Text = ""
    business: Text = ""
    decisions: Text = ""
    restored: Annotated[Annotated[int, Field(ge=0, le=100)] | None, BeforeValidator(_none)] = None
    eta: Line = ""
    next_at: When = None
    text_responders: Text = ""
    text_executives: Text = ""
    text_clients: Text = ""
    text_public: Text = ""


class ResendForm(Form):
    """A message that was given up, once more under the same key."""

    message: int

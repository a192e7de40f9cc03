"""What is sent into the log: entries, corrections, theories, escalations and reasons."""

from typing import Annotated, Literal

from desk.forms.fields import OR_NONE, Dated, Form, Line, NeedLine, NeedText, Text, Versioned, Who


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


class CorrectionForm(Versioned):
    """FIND-08: a new entry that points at the old one."""

    seq: int
    text: NeedText
    reason: Text = ""


class TheoryForm(Versioned):
    """FIND-04."""

    seq: int
    state: Literal["confirmed", "ruled_out"]
    evidence: Annotated[int | None, OR_NONE] = None
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

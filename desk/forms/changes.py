"""What is sent about a production change, from the proposal to the confirmed effect."""

from typing import Annotated, Literal

from desk.forms.fields import OR_NONE, Dated, DatedVersion, Line, NeedLine, NeedText, Text, Who


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
    number: Annotated[int | None, OR_NONE] = None
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

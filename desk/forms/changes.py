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


class DoneForm(DatedVersion):
    """APP-02: a change that was made already."""

    what: NeedText
    target: Line = ""
    why: Text = ""
    risk: Text = ""
    number: Annotated[int | None, OR_NONE] = None
    person: Who = None


class OnChange(DatedVersion):
    """A step of a change that was proposed: which one."""

    number: int


class ApproveForm(OnChange):
    """APP-06: one click is enough; `risk` may be stated with it."""

    note: Text = ""
    risk: Text = ""


class RejectForm(OnChange):
    """APP-06."""

    note: NeedText


class ChangeTextForm(OnChange):
    """A question about a change, or the reply."""

    text: NeedText
    risk: Text = ""


class ChangeStepForm(OnChange):
    """Start or finish (APP-07)."""

    text: Text = ""


class ConfirmForm(OnChange):
    """APP-07: was the effect seen?"""

    seen: Literal["yes", "no"]
    text: Text = ""

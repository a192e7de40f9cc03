"""What is sent about updates to the audiences."""

from typing import Annotated, Literal

from pydantic import Field

from desk.forms.fields import OR_NONE, Form, Line, Text, Versioned, When

AudienceName = Literal["responders", "executives", "clients", "public"]


class UpdateForm(Versioned):
    """TPL-09, -11, -12; `no-change` sends each audience its own last text again with its new times (COM-03)."""

    kind: Literal["full", "no-change"] = "full"
    audiences: list[AudienceName] = Field(min_length=1)
    status: Line = ""
    impact: Text = ""
    known: Text = ""
    shareable: Text = ""
    doing: Text = ""
    business: Text = ""
    decisions: Text = ""
    restored: Annotated[Annotated[int, Field(ge=0, le=100)] | None, OR_NONE] = None
    eta: Line = ""
    next_at: When = None
    text_responders: Text = ""
    text_executives: Text = ""
    text_clients: Text = ""
    text_public: Text = ""


class ResendForm(Form):
    """A message that was given up, once more under the same key."""

    message: int

"""What is sent about alerts and pages."""

from typing import Annotated
from uuid import UUID

from desk.forms.fields import OR_NONE, Dated, Form, NeedText, Text, Versioned


class AcknowledgeForm(Dated):
    """ALR-04; without a page, the person's own."""

    page: Annotated[int | None, OR_NONE] = None


class PageForm(Form):
    """Wake a person by hand: now, for a page cannot have been sent earlier."""

    person: UUID
    text: Text = ""


class AlertEndForm(Versioned):
    """End an alert by hand, with a reason."""

    alert: int
    reason: NeedText

"""What is sent to take, name, hand over or leave a seat, and to open the bridge."""

from typing import Literal
from uuid import UUID

from desk.forms.fields import Dated, DatedVersion, NeedLine, NeedText, Text, Versioned, Who


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


class HandoverAnswerForm(Versioned):
    """ROLE-03."""

    seat: NeedLine
    answer: Literal["accept", "decline"]
    note: Text = ""


class AbsenceForm(Versioned):
    """The IC is away, or back."""

    state: Literal["away", "back"]
    note: Text = ""


class CommandForm(DatedVersion):
    """ROLE-02: the commander that is acknowledged."""


class BridgeForm(Dated):
    """CMD-36: a link, a phone number or a room."""

    link: NeedLine

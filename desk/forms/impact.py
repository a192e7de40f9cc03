"""What is sent about the alert's time, the scope, the impact, and the recovery that clients confirm."""

from typing import Literal

from pydantic import AwareDatetime, Field

from desk.forms.fields import Dated, DatedVersion, Line, NeedLine, NeedText, Number, Percent, Text, Versioned


class AlertTimeForm(Versioned):
    """INC-03."""

    at: AwareDatetime
    reason: NeedText


class ScopeForm(Versioned):
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
    percent: Percent = None
    fails: Text = ""
    error_rate: Line = ""
    latency: Line = ""
    revenue: Number = None
    tickets: Number = None
    stuck: Number = None
    worse: Literal["yes", "no", ""] = ""
    note: Text = ""


class ImpactStartForm(Versioned):
    """INC-16: may precede detection."""

    happened_at: AwareDatetime
    note: Text = ""


class ImpactEndForm(DatedVersion):
    """INC-15: the stamp, with an optional line."""

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


class ClientConfirmForm(Dated):
    """RES-06."""

    client: NeedLine
    note: Text = ""

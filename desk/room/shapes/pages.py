"""The other pages as their templates read them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from desk.answers import FormState, Told
from desk.room.shapes.common import (
    Check,
    ClockTile,
    Countdown,
    Entry,
    Link,
    Live,
    Moment,
    Option,
    Pair,
    Severity,
    Status,
)


@dataclass(frozen=True, slots=True)
class DeskRow:
    """One incident of the board."""

    url: str
    key: str
    title: str
    sub: str  # "Checkout, Ledger. 38,400 EUR/h"
    severity: Severity
    status: Status
    drill: bool
    elapsed: Countdown
    ic: str  # "Sarah Okafor" | "" ; ic_gap "nobody, late 1:20"
    ic_gap: str
    next_update: Countdown
    waiting: int
    waits_for_you: bool


@dataclass(frozen=True, slots=True)
class DeskWait:
    """One thing that waits for the viewer."""

    key: str
    text: str  # "approve or reject: Turn off automatic fail-back"
    since: Countdown
    action: Link
    kind: Literal["wait", "late"]


@dataclass(frozen=True, slots=True)
class DeskAttention:
    """One line that only administrators see: what went wrong, how often, and where to look."""

    name: str  # of the source, for the element's id
    text: str
    action: Link
    count: int


@dataclass(frozen=True, slots=True)
class DeskWarning:
    """One warning that fires and belongs to no open incident."""

    alert: int
    name: str
    service: str
    summary: str
    since: str


@dataclass(frozen=True, slots=True)
class DeskPast:
    """One resolved incident."""

    url: str
    key: str
    title: str
    severity: Severity
    resolved: str  # "Fri 17:22"
    duration: str  # "48 min"
    status: str  # "Resolved" | "Closed"


@dataclass(frozen=True, slots=True)
class DeskView:
    """`desk` of desk.html."""

    live: Live
    now: Moment
    summary: str  # "4 active, 2 approvals waiting"
    overdue: str  # "1 update overdue" | ""
    title: str  # document title, "(!) ..." when something is late
    yours: tuple[DeskWait, ...]
    active: tuple[DeskRow, ...]
    quiet: str  # empty board: "Last incident resolved Fri 17:22."
    resolved: tuple[DeskPast, ...]
    list_url: str
    figures: tuple[Pair, ...] = ()  # "Days since last SEV-1": "4"
    attention: tuple[DeskAttention, ...] = ()  # administrators only
    warnings: tuple[DeskWarning, ...] = ()
    warnings_more: int = 0
    more: int = 0  # open incidents that are only in the list


@dataclass(frozen=True, slots=True)
class Verdict:
    """r-verdict: what the answers suggest."""

    severity: Severity  # suggestion
    meaning: str  # "critical, everyone responds" from the protocol
    because: tuple[Check, ...]  # label "Customers are affected now"; ok False = "not sure, counted as yes"
    rule: str  # one sentence: which rule gave it
    title: str  # proposed title (INC-05) from severity, service, effect
    below: str  # SEV-22 sentence when the picked severity is lower than the suggestion | ""


@dataclass(frozen=True, slots=True)
class Question:
    """One question of triage."""

    name: str  # affected share core worse
    text: str  # from the protocol
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class DeclareView:
    """`declare` of declare.html."""

    action: str  # "/incidents/" or "/incidents/<key>/declarations/"
    verdict_url: str  # "/declare/verdict/"
    key: str  # "" or the record being declared
    back: str  # url of Cancel
    title: str
    services: tuple[Option, ...]
    clients: tuple[Option, ...]
    symptom: str
    alert_fired_at: str  # datetime-local value
    zone: str  # "UTC+1"
    questions: tuple[Question, ...]
    internal: bool
    data: bool
    severities: tuple[Option, ...]  # chosen = suggestion or pick
    verdict: Verdict
    then: tuple[Link, ...]  # "What happens then": icon + label, url ""; from the protocol
    open_like: tuple[Link, ...] = ()  # open incidents on the same service
    version: str = ""
    answer: Told | None = None
    form: FormState = field(default_factory=FormState)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One audience of the update."""

    audience: Literal["responders", "executives", "clients", "public"]
    label: str  # "Responders"
    to: str  # "E-mail to 4 named contacts" | "Public text, kept here"
    subject: str
    parts: tuple[Pair, ...]  # label "What we know", value text; label "" = plain paragraph
    due: Countdown  # this audience's clock
    chosen: bool
    may: bool
    why_not: str  # "Comms Lead or IC sends texts to clients." when may is False
    warnings: tuple[str, ...] = ()
    next: str = ""  # "03:40 UTC+1 (02:40 UTC)"
    own: str = ""  # own words for this audience, as typed


@dataclass(frozen=True, slots=True)
class UpdateView:
    """`update` of update.html."""

    base: str
    action: str  # base + "updates/"
    preview_url: str  # base + "updates/preview/" POST, answers desk/_preview.html
    draft: str  # incident uid
    key: str
    title: str
    severity: Severity
    number: int
    due: Countdown
    live: Live
    redacted: int  # as in r-state
    version: int  # the last update that this page knows of
    statuses: tuple[Option, ...]  # INC-46 fixed list, chosen = present one
    impact: str  # prefilled
    known: str
    doing: str
    eta: str
    next_at: str  # datetime-local, latest the cadence allows
    next_rule: str  # "At the latest 15 min after sending, by the SEV-1 rule."
    sheets: tuple[Sheet, ...]
    no_change: (
        str  # sentence "Sends update 3 again with the present time to: responders, clients." "" = not offered
    )
    answer: Told | None = None
    form: FormState = field(default_factory=FormState)
    shareable: str = ""  # what clients and the public may read of the cause
    business: str = ""  # TPL-11: for executives
    restored: str = ""  # per cent
    decisions: str = ""


@dataclass(frozen=True, slots=True)
class ListRow:
    """One row of the list."""

    url: str
    key: str
    title: str
    severity: Severity
    status: str
    drill: bool
    services: str
    alert: Moment
    duration: str  # impact, "28 min"; "" if none
    resolve_time: str  # "43 min" from the alert | ""


@dataclass(frozen=True, slots=True)
class ListView:
    """`list` of incidents.html."""

    q: str
    severity: str  # "" | "1".."4"
    state: str  # "" | "open" | "resolved" | "closed"
    kind: str  # "" | "live" | "drill"
    rows: tuple[ListRow, ...]
    next: str  # url of the following page, "" = last
    first: str  # url of the first page, "" when on it
    found: str  # "50 shown" | "No incident matches “disk”."


@dataclass(frozen=True, slots=True)
class RecordView:
    """`record` of record.html."""

    key: str
    title: str
    base: str
    severity: Severity
    status: Status
    drill: bool
    facts: tuple[Pair, ...]  # owner, IC, services, clients, protocol version, chain head (short)
    milestones: tuple[tuple[str, Moment | None, str], ...]  # label, when, "T+5" (INC-14)
    durations: tuple[
        Pair, ...
    ]  # time to acknowledge, IC, first notice, mitigation, resolution, impact minutes
    readings: tuple[ClockTile, ...]
    entries: tuple[Entry, ...]  # oldest first
    local: bool
    next: str  # later entries
    previous: str
    made: Moment


@dataclass(frozen=True, slots=True)
class SummaryUpdate:
    """One update as outsiders of the room read it."""

    at: Moment
    subject: str
    parts: tuple[Pair, ...]
    by: str  # role, e.g. "Comms Lead"


@dataclass(frozen=True, slots=True)
class SummaryView:
    """`summary` of summary.html: an allow-list of its own."""

    key: str
    title: str
    severity: Severity
    status: str  # INC-46 word
    impact: tuple[Pair, ...]  # business impact; executives only with revenue
    next_update: Countdown
    contact: str  # "Questions go to the Comms Lead, Jordan Reyes." | ""
    updates: tuple[SummaryUpdate, ...]
    older: int  # updates before those
    live: Live | None  # region r-summary (desk/_summary.html), same poll protocol on its own url

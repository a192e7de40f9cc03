"""The war room as its templates read it."""

from __future__ import annotations

from collections.abc import Mapping
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
    Person,
    Severity,
    Status,
)
from incidentdesk.kernel.errors import Block


@dataclass(frozen=True, slots=True)
class Header:
    """r-header."""

    key: str
    title: str
    severity: Severity
    status: Status
    drill: bool
    ic: Person | None
    ic_note: str  # "you", "away since 03:05", "offered to Dana Whitlock", ""
    owner: Person | None
    approver: str  # APP-22: "Sarah Okafor approves changes" | "Nobody can approve: no IC" (always printed); "" once it is over
    gaps: tuple[str, ...]  # ROLE-30: ("Comms Lead", "Ops Lead") unfilled, late
    elapsed: Countdown  # since the alert ("Since alert"); fixed when resolved
    next_update: Countdown  # the tightest of all update clocks
    bridge: Link | None  # None when the viewer may not see it (RBAC-21) or not open
    you: str  # "You are IC" | ""
    may_update: bool


@dataclass(frozen=True, slots=True)
class Objective:
    """r-objective."""

    text: str  # "" = none yet
    by: str  # "set by Sarah 03:15"
    version: int


@dataclass(frozen=True, slots=True)
class SeatRow:
    """One seat of r-roster; IC first (ROLE-37)."""

    id: str  # stable: "ic", "ops", "sme-database"
    role: str  # value posted: "ic" | "deputy" | "ops" | "comms" | "scribe" | "sme"
    domain: str  # "database" | ""
    label: str  # "Incident Commander", "SME, database"
    holder: Person | None
    note: str  # "you", "not acknowledged, 1:20", "away", "offered to Dana Whitlock"
    late: bool  # note is loud
    unfilled: str  # "Nobody yet, 26 min" (only when holder is None)
    required: bool
    version: str
    acts: frozenset[str]  # of: claim, acknowledge, accept, decline, hand-over, end, away, back


@dataclass(frozen=True, slots=True)
class CallRow:
    """One person of the roll call (CMD-03)."""

    name: str
    state: Literal["called", "joined", "late"]
    note: str  # "joined 02:56" | "late 1:04"
    you: bool


@dataclass(frozen=True, slots=True)
class Duty:
    """One line of the commander's list (ROLE-05)."""

    id: str
    label: str
    done: str  # "02:52" | ""


@dataclass(frozen=True, slots=True)
class Roster:
    """r-roster."""

    seats: tuple[SeatRow, ...]
    unassigned: tuple[Person, ...]  # paged or writing, without a seat
    calls: tuple[CallRow, ...]
    may_join: bool  # viewer was called and has not pressed "I am on the bridge"
    duties: tuple[Duty, ...] = ()  # ROLE-05: IC's checklist, only for the IC


@dataclass(frozen=True, slots=True)
class ImpactFigure:
    """One figure of the impact, now and at its peak."""

    label: str  # "Users affected"
    now: str  # "about 1,200"; "" -> "not stated"
    peak: str
    at: str  # "stated 03:03"


@dataclass(frozen=True, slots=True)
class Impact:
    """r-impact."""

    stated: str  # "stated 03:03 by Alex" | "not stated yet"
    figures: tuple[ImpactFigure, ...]  # revenue left out where the viewer may not see it
    fails: str  # what fails, last words
    worse: str  # "getting worse" | "not getting worse" | ""
    starts: str  # "02:46:10" | "not stated"
    ends: str  # "03:15:10" | ""
    detection: str  # "3 min after it began" (INC-16) | ""
    duration: str  # "28 min" once ended
    minutes: str  # sum of intervals where it differs
    scope: tuple[Pair, ...]  # services, clients, regions, environments, features, products
    blast: str  # "Blast radius reported 03:03 by Alex" | ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question about a change, or its reply."""

    who: str
    at: Moment
    text: str
    reply: bool


@dataclass(frozen=True, slots=True)
class ChangeCard:
    """One change: waiting ones stand in r-approvals, all others in r-changes."""

    number: int  # DOM id change-<number>
    version: int
    state: Literal[
        "proposed", "asked", "approved", "rejected", "started", "finished", "confirmed", "withdrawn", "done"
    ]
    word: str  # "Waiting for you" | "Waiting for Sarah Okafor" | "Approved" | "Started" | "Unauthorised"
    loud: bool  # unauthorised, unconfirmed too long
    what: str
    target: str
    why: str
    effect: str
    risk: str  # "" -> "No risk stated": approve is refused (APP-05)
    loss: str  # data loss or interruption
    undo: str
    implementer: str
    requester: str
    proposed: Moment
    waiting: Countdown | None  # decision clock
    exchanges: tuple[Exchange, ...]  # asks and replies
    trail: str  # "Approved 03:06 by Sarah, started 03:08, finished 03:12, effect seen."
    acts: frozenset[
        str
    ]  # of: approvals, told-risk, rejections, questions-on-changes, replies, starts, finishes, confirmations, withdrawals
    refused: str  # why the viewer cannot approve it, if they might expect to (own request): sentence | ""


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the pre-resolve (RES-03) or closing (RES-15) checklist."""

    id: str
    label: str
    state: Literal["", "ticked", "pending"]
    note: str  # "03:28 Alex"


@dataclass(frozen=True, slots=True)
class MoveOption:
    """A next status."""

    to: str  # "monitoring"
    label: str  # "Move to Monitoring"
    blocks: tuple[Block, ...]  # () = allowed now; else the button is disabled and says the first
    needs_note: bool  # note required (false alarm, healed itself ...)


@dataclass(frozen=True, slots=True)
class Gate:
    """r-gate: next status, window, checklists."""

    version: int  # status version: seen_version of moves/resolutions/closures
    moves: tuple[MoveOption, ...]  # viewer's next steps, without resolved/closed
    window: Countdown | None  # stabilisation running
    window_label: str  # "Stabilisation 15 min" from the protocol
    window_span: str  # "03:15:10 to 03:30:10" | ""
    spent: int
    limit: int
    restarted: str  # "restarted 03:20 by a bad sample" | ""
    checks: tuple[Check, ...]
    items: tuple[Item, ...]  # pre-resolve checklist; after Resolved: closing checklist
    resolve: tuple[Block, ...] | None  # None: not offered; (): open; else why not
    resolve_label: str  # "Resolve" | "Resolve, opens at 03:30"
    opens: (
        str  # ISO instant the window ends when that is the ONLY block (the button opens without a poll); ""
    )
    close: tuple[Block, ...] | None
    review_at: str  # datetime-local prefilled, within the limit
    review_limit: str  # "at the latest Mon 16 March 17:00"
    may_impact_end: bool
    may_sample: bool


@dataclass(frozen=True, slots=True)
class TheoryRow:
    """One theory of r-theories (FIND-04)."""

    seq: int
    text: str
    owner: str
    state: Literal["open", "confirmed", "ruled_out"]
    word: str  # "Open, 12 min" | "Ruled out 02:59 by Alex"


@dataclass(frozen=True, slots=True)
class Timeline:
    """r-timeline."""

    entries: tuple[Entry, ...]  # newest first, the last 50 (setting)
    total: int
    older: str  # url of the record at that place, "" if all are shown
    local: bool  # viewer's zone is not UTC: it can be shown beneath their time
    today: str = ""  # "Sat 14 March": entries of other days stand under a line that names theirs


@dataclass(frozen=True, slots=True)
class SendRow:
    """One text that was sent, or a message in trouble (COM-35)."""

    id: str
    title: str  # "Update 2 to clients"
    at: Moment
    by: str
    state: Literal["sent", "pending", "failed", "dead", "kept", "simulated"]
    word: str  # "sent to 4", "2 of 4 sent", "kept here, not sent", "dead after 8 attempts: 550 no such user"
    text: str  # exact text (in <details>)
    resend: str = ""  # the message that was given up and may be sent again


@dataclass(frozen=True, slots=True)
class PageRow:
    """One page."""

    who: str
    at: Moment
    state: Literal["waiting", "acknowledged", "escalated", "unanswered"]
    word: str  # "acknowledged 02:48" | "not answered, next person at 02:52"
    may_acknowledge: bool
    id: str


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert."""

    id: str
    name: str
    service: str
    state: Literal["firing", "resolved", "suppressed", "ended"]
    word: str  # "firing since 02:47:04" | "resolved 03:15: proposes impact end"
    count: int
    summary: str
    value: str
    labels: str  # "pod=orders-0": what tells it from the others of its name
    source_url: str  # http(s), or nothing
    runbook_url: str


@dataclass(frozen=True, slots=True)
class Alerts:
    """r-alerts."""

    rows: tuple[AlertRow, ...]
    pages: tuple[PageRow, ...]
    missing: int  # alerts of the incident that are not listed here
    left_out: int  # alerts that the source did not send


@dataclass(frozen=True, slots=True)
class RunbookLink:
    """A runbook that applies."""

    title: str
    url: str
    why: str  # "for Ledger"


@dataclass(frozen=True, slots=True)
class Places:
    """r-runbooks: where to look (INC-02, INC-28)."""

    runbooks: tuple[RunbookLink, ...]
    dashboards: tuple[Link, ...]
    missing: int  # runbooks that apply and are not listed here


@dataclass(frozen=True, slots=True)
class Banner:
    """One line of r-banners."""

    id: str  # stable: "no-ic", "not-declared", "unauthorised-2"
    kind: Literal["", "late", "wait", "error"]
    tag: str  # "No IC", "Not declared", "Waiting for you"
    text: str  # sentence
    since: Countdown | None
    action: Link | None  # url "#f-seats" opens that dialog; "/declare/?incident=..." is a page
    post: str = ""  # noun of a one-press form instead of a link: "bridge-joins", "seats", "acknowledgements"
    fields: tuple[Pair, ...] = ()  # hidden fields of that form (label = name)
    brief: str = ""  # what somebody wrote about it, in full
    refuse: Link | None = None  # the other answer, a form of its own to the same noun
    refuse_fields: tuple[Pair, ...] = ()


@dataclass(frozen=True, slots=True)
class Choices:
    """Lists for the forms; made with the page, not polled."""

    people: tuple[Option, ...]  # responders; value = uid
    implementers: tuple[Option, ...]
    roles: tuple[Option, ...]  # seats that exist in the protocol
    domains: tuple[Option, ...]
    severities: tuple[Option, ...]  # value 1..4, label SEV-1, hint = meaning (SEV-03..06)
    services: tuple[Option, ...]  # value = slug, chosen = in scope
    clients: tuple[Option, ...]
    escalate_to: tuple[Option, ...]  # "leadership", "l3", "vendor" ...
    pageable: tuple[Option, ...]
    reasoned: tuple[Option, ...]  # clocks that a reason answers (CLK-17)
    scope: int  # the entry that stated the scope whose services and clients are chosen here


@dataclass(frozen=True, slots=True)
class State:
    """r-state: an empty hidden element; data-* the scripts read."""

    rev: int
    title: str  # document title: "(!) late 04:12 INC-2026-0042" | "INC-2026-0042 Primary database ..."
    loud: str  # said once by announce.js: "Update to clients is late" | "An approval is waiting" | ""
    status: int  # versions of the things decided: copied into seen_version when a dialog opens
    severity: int
    objective: int
    owner: int
    waiting: int  # approvals waiting (tab bar count)
    seq: int  # the last entry: what a form saw whose subject is chosen in it (`seen_upto`)
    redacted: int  # the last entry that says so: a page that shows an older one is opened again
    bridge: str  # number or link, shown when offline


@dataclass(frozen=True, slots=True)
class RoomView:
    """The whole room: `room` of room.html."""

    base: str  # "/incidents/INC-2026-0042/"
    draft: str  # key of local drafts: incident uid
    live: Live
    state: State
    header: Header
    banners: tuple[Banner, ...]
    clocks: tuple[ClockTile, ...]
    objective: Objective
    roster: Roster
    impact: Impact
    waiting: tuple[ChangeCard, ...]  # r-approvals
    decides: str  # "Sarah Okafor decides" | "You decide" | "Nobody can decide: no IC"; "" once it is over
    changes: tuple[ChangeCard, ...]  # r-changes, newest first
    gate: Gate
    theories: tuple[TheoryRow, ...]  # empty when the viewer may not see theories
    timeline: Timeline
    sends: tuple[SendRow, ...]
    alerts: Alerts
    places: Places
    choices: Choices
    may: frozenset[str]  # POST nouns whose form is printed
    outcome: tuple[Pair, ...] = ()  # resolved: the strip of figures
    answer: Told | None = None  # no-script refusal
    forms: Mapping[str, FormState] = field(default_factory=dict)  # key = noun with "_" for "-"
    record_url: str = ""
    update_url: str = ""

"""What several pages print: plain data, formatted once, no model and no datetime.

`""` means "do not print", None means "not there".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Html = str  # typed text (escaped by the template), or SafeString of kernel/markdown.py


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant as the viewer reads it, formatted once."""

    iso: str  # "2026-03-14T02:47:04Z": datetime=, data-since=, data-until=
    clock: str  # "03:47:04" viewer's zone
    short: str  # "03:47"
    utc: str  # "02:47 UTC"; "" when the viewer's zone is UTC just then (INC-17: both are shown on entries and updates)
    day: str  # "Sat 14 March"
    zone: str  # "UTC+1" | "UTC"
    full: str  # "Sat 14 March 2026, 03:47:04 UTC+1 (02:47:04 UTC)"
    local: str  # "2026-03-14T03:47:04": value= of datetime-local inputs


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody by name."""

    uid: str
    name: str
    initials: str
    you: bool = False
    contact: str = ""  # "mailto:..." | "tel:..." (ROLE-37); "" if the viewer may not see it
    note: str = ""  # "Payments platform, UTC+1"; in pickers: "IC-qualified"


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a list."""

    value: str
    label: str
    hint: str = ""
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A way to somewhere."""

    url: str
    label: str
    icon: str = ""  # name in css/components/icon.css without "i-"


@dataclass(frozen=True, slots=True)
class Pair:
    """A label with its value."""

    label: str
    value: str  # "unknown" allowed (INC-24)


@dataclass(frozen=True, slots=True)
class Severity:
    """The scale's level in a word."""

    level: int  # 1..4; 0 = none yet
    label: str  # "SEV-1"; level 0: "not rated"
    presumed: bool = False  # printed "presumed SEV-1" with a dashed edge


@dataclass(frozen=True, slots=True)
class Status:
    """Where the incident stands."""

    word: str  # "Monitoring"
    pips: tuple[bool, ...]  # five: open, investigating, mitigating, monitoring, resolved
    since: Moment | None


@dataclass(frozen=True, slots=True)
class Countdown:
    """A running figure. clocks.js rewrites `text` once a second from `at`; without script the poll alone is good."""

    label: str  # "Next update due 03:25"
    mode: Literal["until", "since", "fixed"]
    at: Moment | None
    text: str  # "06:45", "late 04:12", "31:16", "none due"
    look: Literal["", "soon", "late"] = ""
    soon: str = ""  # ISO instant from which it is amber


@dataclass(frozen=True, slots=True)
class Live:
    """What the poller needs."""

    url: str  # "/incidents/INC-2026-0042/live/" | "/live/"
    cursor: str  # rev as text, or the desk's hash
    now: str  # ISO stamp of the database's clock for this answer
    tick: str  # ISO stamp of the last tick, "" if none ever
    closed: bool = False  # True: the page does not poll


@dataclass(frozen=True, slots=True)
class Shell:
    """Every page, signed in or not. Built by a context processor; `user` None when signed out."""

    user: Person | None
    theme: Literal["auto", "dark", "light"]
    shortcuts: bool
    may_declare: bool
    tick_late: bool  # server's verdict when the page was made
    tick_age: str  # "3 s", "4 min"; "" if no tick ever
    red: str = ""  # the sentence red on every page: "Nobody answers the page of INC-2026-0042." (decisions 5)
    red_url: str = ""
    held: str = ""  # why nothing is sent and no clock fires: the database is a restored copy
    pace: str = ""  # "Demonstration: a protocol minute lasts 1 s." (MINUTE_SECONDS other than 60)
    demo: str = ""  # "Demo data" note, if any
    sign_in_url: str = ""
    sign_out_url: str = ""
    preferences_url: str = ""  # POST theme=auto|dark|light, shortcuts=on|"" ; 204
    sessions_url: str = ""
    nav: tuple[Link, ...] = ()  # only pages that exist, e.g. Desk, Incidents
    here: str = ""  # url of the current nav item


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that holds, or not yet."""

    label: str
    ok: bool
    value: str  # "38", "1 open", ""


@dataclass(frozen=True, slots=True)
class ClockTile:
    """One clock of r-clocks, in the protocol's order; its `id` is that of the clock."""

    id: str  # "updates-clients-2": DOM id clock-<id>
    label: str
    state: Literal["idle", "run", "soon", "late", "met", "miss", "void"]
    value: str  # "06:45 left" | "late 04:12" | "0:58" | "11:04" | "not started" | "void"
    note: str  # "limit 5 min from alert" | "missed by 1:04" | "2 sent, none late" | "met, entered 180 min later"
    due: Moment | None  # run, soon, late: what ticks
    soon: str = ""  # ISO instant amber begins
    spent: int = 0  # seconds, gauge; limit 0 = no gauge
    limit: int = 0
    gauge: str = ""  # "Acknowledge: 58 s of 5 min"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the timeline; the DOM id is e-<seq>."""

    seq: int
    at: Moment  # happened_at
    plus: str  # "T+30"
    late: str  # "entered 180 min later" | ""
    group: Literal[
        "finding",
        "theory",
        "question",
        "action",
        "change",
        "decision",
        "update",
        "person",
        "clock",
        "alert",
        "status",
        "note",
    ]
    look: Literal["", "fact", "theory", "decision", "sev", "waiting", "quiet", "miss"]
    icon: str  # "eye", "lightbulb", "stamp" ...
    title: str  # "Finding", "Theory, ruled out 02:59", "Change approved", "Resolve refused"
    author: str  # "Priya Nair" | "Monitor" | ""
    role: str  # "Ops Lead" at that moment | ""
    sentence: str  # one sentence made from the payload | "" (a finding has only its text)
    text: Html  # free text | "" ; redacted: "[redacted]"
    source: str = ""  # finding: source and value (FIND-02)
    value: str = ""
    tags: tuple[str, ...] = ()  # "cause", "shareable", "unanswered, 1:20"
    severity: Severity | None = None
    phase: str = ""  # status.moved: printed as a divider with this word
    out: bool = False  # ruled out, withdrawn, corrected: struck through
    link: Link | None = None  # "#change-3" Decide | "#e-12" corrects | update text
    corrected: str = ""  # "corrected 03:20, see entry 44"
    may_correct: bool = False
    may_settle: bool = False  # open theory

"""What a fold carries along: the state of one incident, and the entries that move it.

A state is plain JSON: ids, enums, stamps and numbers, never free text, so that it can be stored beside the
incident and folded again after a redaction with the same result. States are never changed in place.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NotRequired, TypedDict

from incidentdesk.kernel.stamps import Stamp, stamp

FOLD_VERSION = 5

Payload = Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """One line of the timeline as the fold sees it; times are UTC stamps."""

    seq: int
    kind: str
    by: int | None
    happened: Stamp
    recorded: Stamp
    payload: Payload


@dataclass(frozen=True)
class Draft:
    """An entry that has no place in the timeline yet.

    `happened_at` None means "as it is recorded"; `texts` are the free texts by field name; `by` None is the desk.
    """

    kind: str
    payload: dict[str, Any] = field(default_factory=dict)
    by: int | None = None
    happened_at: datetime | None = None
    texts: dict[str, str] = field(default_factory=dict)

    def entry(self, seq: int, now: datetime) -> Entry:
        """The entry this draft becomes when it is recorded at `now` under `seq`."""
        recorded = stamp(now)
        happened = recorded if self.happened_at is None else stamp(self.happened_at)
        return Entry(seq, self.kind, self.by, happened, recorded, self.payload)


class Occurrence(TypedDict):
    """A clock that runs: anchor and due instant, and which of its steps have been done.

    `anew` says that a change of severity, or an act that asks anew, began it and not the first start; `unreminded` that its reminder's moment had passed by then.
    """

    n: int
    anchor: Stamp
    due: Stamp
    minutes: float
    fired: list[str]
    told: list[int]
    roll: NotRequired[Stamp]
    promised: NotRequired[Stamp]
    anew: NotRequired[bool]
    unreminded: NotRequired[bool]


class Past(TypedDict):
    """A clock that ended: by an act at `met`, or at `ended` without one; `times` counts roll-overs.

    `entered` is when the act was entered, where that is later than it happened.
    """

    n: int
    anchor: Stamp
    due: Stamp
    minutes: float
    met: NotRequired[Stamp]
    ended: NotRequired[Stamp]
    entered: NotRequired[Stamp]
    seq: NotRequired[int]
    times: NotRequired[int]
    reminded: NotRequired[bool]
    anew: NotRequired[bool]


class Run(TypedDict):
    """One clock of one subject: the occurrence that runs, if any, and those that ended."""

    now: Occurrence | None
    past: list[Past]


class SeatState(TypedDict):
    """Who holds a seat; `seq` is the version that a change of the seat is checked against."""

    user: int
    since: Stamp
    seq: int
    claimed: bool
    acked: bool
    away: NotRequired[bool]


class OfferState(TypedDict):
    """A seat that its holder offers to somebody; `seq` is the entry that says so."""

    to: int
    by: int | None
    seq: int


class ChangeState(TypedDict):
    """A production change; `seq` is its version.

    `major` says whether the incident has been SEV-1 or SEV-2 since it was proposed; `under` is the severity in force when
    it was approved.
    """

    state: str
    seq: int
    requester: int
    implementer: int | None
    approver: int | None
    risk: bool
    notice: bool
    at: Stamp
    major: bool
    under: NotRequired[int | None]
    unauthorised: NotRequired[bool]
    effect: NotRequired[bool]


class PageState(TypedDict):
    """One page: who, since when, in which call of which run."""

    user: int
    at: Stamp
    call: str
    level: int
    by: int | None
    acked: NotRequired[Stamp]


class Stamped(TypedDict):
    """A milestone: when, and the entry that proves it."""

    at: Stamp
    seq: int


class State(TypedDict):
    """One incident, whole."""

    version: int
    seq: int
    opened: Stamp
    alert: Stamp
    source: str
    minute: float
    zone: str
    business: dict[str, Any]
    options: dict[str, Any]
    ladder: list[int]
    managers: list[int]
    status: str
    status_seq: int
    severity: int | None
    severity_seq: int
    presumed: int | None
    owner: int | None
    owner_named: bool
    owner_seq: int
    seats: dict[str, SeatState]
    acks: list[int]
    relieved: int | None
    offers: dict[str, OfferState]
    bridge: Stamp | None
    joined: dict[str, Stamp]
    changes: dict[str, ChangeState]
    theories: dict[str, str]
    findings: int
    causes: int
    alerts: dict[str, dict[str, Any]]
    pages: dict[str, PageState]
    round: int
    unanswered: bool
    impact: list[list[Stamp | None]]
    impact_seq: int
    hit: bool
    clients: list[int]
    confirmed: list[int]
    items: dict[str, str]
    milestones: dict[str, Stamped]
    clocks: dict[str, Run]
    waiting: list[str]
    prior: dict[str, Stamped]
    sent: dict[str, Stamp]
    sent_seq: int
    redacted: int
    review: Stamp | None


def empty() -> State:
    """The state before the first entry."""
    return State(
        version=FOLD_VERSION,
        seq=0,
        opened=Stamp(""),
        alert=Stamp(""),
        source="",
        minute=60.0,
        zone="UTC",
        business={},
        options={},
        ladder=[],
        managers=[],
        status="",
        status_seq=0,
        severity=None,
        severity_seq=0,
        presumed=None,
        owner=None,
        owner_named=False,
        owner_seq=0,
        seats={},
        acks=[],
        relieved=None,
        offers={},
        bridge=None,
        joined={},
        changes={},
        theories={},
        findings=0,
        causes=0,
        alerts={},
        pages={},
        round=0,
        unanswered=False,
        impact=[],
        impact_seq=0,
        hit=False,
        clients=[],
        confirmed=[],
        items={},
        milestones={},
        clocks={},
        waiting=[],
        prior={},
        sent={},
        sent_seq=0,
        redacted=0,
        review=None,
    )


def force(state: State) -> int | None:
    """The severity in force: the declared one, before declaration the presumed one."""
    return state["severity"] if state["severity"] is not None else state["presumed"]


def seat_kind(seat: str) -> str:
    """What a seat is, whichever of several: the second Ops Lead is an Ops Lead (ROLE-15), an expert of a domain an expert."""
    return seat.rstrip("2").split(".")[0]


def holder(state: State, seat: str) -> int | None:
    """The user in a seat, or None."""
    held = state["seats"].get(seat)
    return held["user"] if held else None


def approvers(state: State, requester: int, *, major: bool = False) -> list[int]:
    """Who answers for a change of this person now: the IC; the deputy, then managers of the list, when the IC is away or
    is the requester; on SEV-3 and SEV-4 without an IC the owner (APP-03, APP-22).

    `major` says that the incident has been SEV-1 or SEV-2 since it was proposed: then nobody answers for their own.
    """
    commander = state["seats"].get("ic")
    if commander is None:
        owner = state["owner"]
        barred = owner is None or force(state) in (1, 2, None) or (major and owner == requester)
        return [] if barred or owner is None else [owner]
    if not commander.get("away") and commander["user"] != requester:
        return [commander["user"]]
    deputy = holder(state, "deputy")
    chain = [*([deputy] if deputy else []), *state["managers"]]
    # A commander who is away answers for nothing, a manager or not.
    return [user for user in dict.fromkeys(chain) if user not in (requester, commander["user"])]


def responders(state: State) -> list[int]:
    """Everybody with a seat, and the owner."""
    seated = [held["user"] for held in state["seats"].values()]
    return list(dict.fromkeys([*seated, *([state["owner"]] if state["owner"] else [])]))


def ended(state: State) -> bool:
    """Whether the response is over: resolved or closed."""
    return state["status"] in ("resolved", "closed")

"""What each deadline does when its instant has come: pure functions from the state to entries, pages and notices.

They read no clock and no database; the tick writes what they return in a handful of statements.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from comms.timely import DueClock
from incidentdesk.kernel.stamps import moment, stamp
from incidents.protocol import Draft, Protocol, State, cadence, clocks, owing, paging
from incidents.protocol.clocks import Key
from incidents.protocol.definition import Clock, Step
from incidents.protocol.state import force, holder


@dataclass(frozen=True)
class Line:
    """One line for one person; lines of one instant to one person become one message. What it says of a `clock` is made
    when the message leaves; `text` is only what it is about then."""

    user: int
    text: str
    page: bool = False
    clock: DueClock | None = None


@dataclass(frozen=True)
class Call:
    """People to page: (page number, user) each, in which call, how far down the list, and when it goes out."""

    pages: tuple[tuple[int, int], ...]
    call: str
    level: int
    at: datetime


@dataclass(frozen=True)
class Reaction:
    """What comes of a deadline. `fires` is false for a row whose clock was met or rolled over before the tick came."""

    fires: bool = True
    drafts: tuple[Draft, ...] = ()
    lines: tuple[Line, ...] = ()
    call: Call | None = None


@dataclass(frozen=True)
class Due:
    """A step that is due: its clock, its occurrence and the instant."""

    protocol: Protocol
    state: State
    key: Key
    clock: Clock
    step: Step
    told: tuple[int, ...]
    now: datetime
    extra: dict[str, object] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """Which instance of the clock."""
        return self.key[1]


def react(protocol: Protocol, state: State, key: Key, now: datetime) -> Reaction:
    """What the deadline `key` does at `now` (aware UTC), given the state as it stands."""
    clock_id, subject, n, step_name = key
    run = state["clocks"].get(clocks.name(clock_id, subject))
    current = run["now"] if run else None
    clock = protocol.clock.get(clock_id)
    if clock is None or current is None or current["n"] != n or step_name in current["fired"]:
        return Reaction(fires=False)
    if clock.kind == "cadence":
        count, _ = cadence.rolls(protocol, state, clock, current, stamp(now), inclusive=True)
        if count:
            rolled = Draft("clock.rolled", {"clock": clock_id, "subject": subject, "n": n, "missed": count})
            return Reaction(drafts=(rolled,), fires=step_name == "roll")
        if step_name == "roll":
            return Reaction(fires=False)
    step = clock.step_by_name[step_name]
    if clocks.step_at(state, current, step) > stamp(now):
        return Reaction(fires=False)
    return REACTIONS[step.do](Due(protocol, state, key, clock, step, tuple(current["told"]), now))


def people(due: Due) -> list[int]:
    """Whom a step tells now, without those the same occurrence has told before."""
    found = owing.recipients(due.state, due.clock, due.step, due.subject)
    return [user for user in found if user not in due.told]


def _entry(due: Due, to: list[int], **more: object) -> Draft:
    clock, subject, n, step = due.key
    return Draft(
        "clock.step",
        {"clock": clock, "subject": subject, "n": n, "step": step, "do": due.step.do, "to": to, **more},
    )


def remind(due: Due) -> Reaction:
    """An update is due soon (CLK-16)."""
    to = people(due)
    current = due.state["clocks"][clocks.name(*due.key[:2])]["now"]
    clock = DueClock(due.clock.label, current["due"] if current else stamp(due.now))
    return Reaction(
        drafts=(_entry(due, to),), lines=tuple(Line(user, clock.label, clock=clock) for user in to)
    )


def overdue(due: Due) -> Reaction:
    """A clock has run out; who owes the act hears first, then the IC, then the manager."""
    to = people(due)
    if not to and due.step.name != "overdue":
        return Reaction()
    current = due.state["clocks"][clocks.name(*due.key[:2])]["now"]
    missed = _missed(due) if due.clock.kind == "cadence" else 0
    clock = DueClock(due.clock.label, current["due"] if current else stamp(due.now), missed)
    return Reaction(
        drafts=(_entry(due, to),), lines=tuple(Line(user, clock.label, clock=clock) for user in to)
    )


def _missed(due: Due) -> int:
    """How many updates in a row were missed right before this one."""
    count = 0
    for past in reversed(due.state["clocks"][clocks.name(*due.key[:2])]["past"]):
        if past.get("ended", past["due"]) <= past["due"]:
            break
        count += past.get("times", 1)
    return count


def unanswered(due: Due) -> Reaction:
    """A page without an answer tells who was paged; of one by hand, its sender and the IC hear. The chain has its own clock."""
    page = due.state["pages"][due.subject]
    to, text = people(due), "You have not acknowledged your page."
    if page["call"] == "hand":
        hear = [page["by"], holder(due.state, "ic")]
        to = [user for user in dict.fromkeys(hear) if user is not None]
        text = "The page that was sent by hand is not answered."
    return Reaction(drafts=(_entry(due, to),), lines=tuple(Line(user, text) for user in to))


def page_next(due: Due) -> Reaction:
    """Nobody answered: the next person, then all at once, then red on every page (CLK-21, D-06)."""
    kind, users = paging.next_call(due.protocol, due.state)
    if kind == paging.RED:
        return Reaction(drafts=(_entry(due, [], call="red"),))
    first = 1 + max((int(number) for number in due.state["pages"]), default=0)
    pages = tuple((first + place, user) for place, user in enumerate(users))
    level = paging.level(due.state) + (kind == "chain")
    payload = {"pages": [list(page) for page in pages], "call": kind, "level": level}
    at = paging.goes_out(due.state, stamp(due.now))
    if at > stamp(due.now):  # the tick was away until the team had gone home
        payload["at"] = at
    sent = Draft("page.sent", payload)
    return Reaction(drafts=(_entry(due, users, call=kind), sent), call=Call(pages, kind, level, moment(at)))


def offer_declaration(due: Due) -> Reaction:
    """Triage has taken its time: the page offers to declare at the present suggestion (TRI-01)."""
    to = people(due)
    text = f"Triage time is over. Declare now as SEV-{force(due.state)}, or close it as a false alarm."
    return Reaction(drafts=(_entry(due, to),), lines=tuple(Line(user, text) for user in to))


def window_open(due: Due) -> Reaction:
    """The stabilisation window has passed clean: the IC may resolve."""
    to = people(due)
    return Reaction(
        drafts=(_entry(due, to),),
        lines=tuple(Line(user, "The window has passed clean: you can resolve now.") for user in to),
    )


REACTIONS: dict[str, Callable[[Due], Reaction]] = {
    "remind": remind,
    "overdue": overdue,
    "unanswered": unanswered,
    "page_next": page_next,
    "offer_declaration": offer_declaration,
    "window_open": window_open,
}

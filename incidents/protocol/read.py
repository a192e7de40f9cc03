"""How every clock stands at an instant, from stamps alone: right even if every worker is dead."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from incidentdesk.kernel.stamps import Stamp, moment, stamp
from incidents.protocol import cadence, clocks, hours
from incidents.protocol.definition import Clock, Protocol
from incidents.protocol.state import Occurrence, Past, Run, State, force

Word = Literal["not started", "running", "met", "late", "overdue", "missed", "void"]


@dataclass(frozen=True)
class Reading:
    """One occurrence of one clock.

    `by` is how long it took, was late, is overdue or stood open past due, in protocol minutes; `at` is when it was
    met or ended; `amber` is true in the last stretch; `entered` is protocol minutes between the act and its entry.
    """

    clock: str
    label: str
    anchor_word: str
    subject: str
    n: int
    word: Word
    anchor: Stamp | None
    due: Stamp | None
    at: Stamp | None = None
    minutes: float = 0.0
    by: float = 0.0
    left: float = 0.0
    amber: bool = False
    amber_at: Stamp | None = None
    entered: float = 0.0
    seq: int | None = None
    times: int = 1
    counted: bool = True
    strip: bool = False
    rows: str = ""
    window: bool = False
    about: str = ""
    audience: str = ""


def read(protocol: Protocol, state: State, now: datetime) -> list[Reading]:
    """Every clock's readings at `now`, in the protocol's order, the ended ones first in each clock.

    `now` is aware UTC. Clocks that apply and have not begun read "not started".
    """
    at = stamp(now)
    found: list[Reading] = []
    begun: set[str] = set()
    for key, run in state["clocks"].items():
        clock_id, subject = clocks.split(key)
        begun.add(clock_id)
        found += _run(protocol, state, protocol.clock[clock_id], subject, run, at)
    for clock in protocol.clocks:
        if (
            clock.id not in begun
            and clock.strip
            and clock.limit(force(state)) is not None
            and not _needless(clock, state)
        ):
            found.append(_idle(clock, force(state)))
    found.sort(key=lambda reading: (protocol.order[reading.clock], reading.subject, reading.n))
    return found


def _needless(clock: Clock, state: State) -> bool:
    """What begins with a page is not there where nobody was paged, nor what its `before` has overtaken."""
    if clock.before in state["milestones"]:
        return True
    return state["source"] == "hand" and all(pattern.kind.startswith("page.") for pattern in clock.starts)


def _idle(clock: Clock, severity: int | None) -> Reading:
    return Reading(
        clock=clock.id, label=clock.label, anchor_word=clock.anchor, subject="", n=0, word="not started",
        anchor=None, due=None, minutes=clock.limit(severity) or 0.0, strip=clock.strip, rows=clock.rows,
        window=clock.kind == "window", about=clock.about, audience=clock.audience,
    )  # fmt: skip


def _run(protocol: Protocol, state: State, clock: Clock, subject: str, run: Run, at: Stamp) -> list[Reading]:
    if clock.kind == "cadence" and run["now"] is not None:
        run = cadence.rolled(protocol, state, clock, run, at, inclusive=True)
    found = [_past(state, clock, subject, past) for past in run["past"]] if clock.kind != "chain" else []
    if run["now"] is not None:
        found.append(_now(protocol, state, clock, subject, run["now"], at))
    return found


def _apart(state: State, start: Stamp, end: Stamp) -> float:
    """Protocol minutes from `start` to `end`."""
    return (moment(end) - moment(start)).total_seconds() / state["minute"]


def _past(state: State, clock: Clock, subject: str, past: Past) -> Reading:
    met, ended, due = past.get("met"), past.get("ended"), past["due"]
    word: Word
    if met is not None:
        at, word = met, "met" if met <= due else "late"
        by = _apart(state, past["anchor"] if word == "met" else due, met)
        by = max(0.0, by)  # an act may lie before its clock
    else:
        at = ended or due
        void = clock.kind == "window" or at <= due  # a window that had passed was met
        word, by = ("void", 0.0) if void else ("missed", _apart(state, due, at))
    entered = past.get("entered")
    return Reading(
        clock=clock.id, label=clock.label, anchor_word=clock.anchor, subject=subject, n=past["n"], word=word,
        anchor=past["anchor"], due=due, at=at, minutes=past["minutes"], by=by,
        entered=max(0.0, _apart(state, met, entered)) if met and entered else 0.0,
        seq=past.get("seq"), times=past.get("times", 1), strip=clock.strip, rows=clock.rows,
        counted=word in ("late", "missed") or (clock.kind != "cadence" and word == "met") or bool(past.get("reminded")),
        window=clock.kind == "window", about=clock.about, audience=clock.audience,
    )  # fmt: skip


def _now(protocol: Protocol, state: State, clock: Clock, subject: str, now: Occurrence, at: Stamp) -> Reading:
    due = now["due"]
    left = _apart(state, at, due)
    word: Word = "running" if at < due else "overdue"
    if clock.kind == "window" and word == "overdue":
        word = "met"
    amber_at = _amber(protocol, state, clock, now)
    return Reading(
        clock=clock.id, label=clock.label, anchor_word=clock.anchor, subject=subject, n=now["n"], word=word,
        anchor=now["anchor"], due=due, at=due if word == "met" else None, minutes=now["minutes"],
        by=0.0 if word == "running" else now["minutes"] if word == "met" else -left,
        left=max(0.0, left), amber=amber_at is not None and amber_at <= at < due, amber_at=amber_at,
        strip=clock.strip, rows=clock.rows, window=clock.kind == "window", about=clock.about, audience=clock.audience, counted=word == "overdue",
    )  # fmt: skip


def _amber(protocol: Protocol, state: State, clock: Clock, now: Occurrence) -> Stamp | None:
    """From when a running clock is amber: its last fifth, at least half a minute; a window never is."""
    if clock.kind == "window":
        return None
    if clock.amber is not None:
        return hours.later(now["anchor"], clock.amber, state["minute"])
    if clock.kind == "cadence":
        return cadence.remind_at(clock, state, now)
    if clocks.in_hours(protocol, state, clock):
        span = (
            hours.open_seconds(now["anchor"], now["due"], state["business"], state["zone"]) / state["minute"]
        )
        return clocks.after(protocol, state, clock, now["anchor"], span - max(0.5, span / 5))
    span = _apart(state, now["anchor"], now["due"])
    return hours.later(now["due"], -max(0.5, span / 5), state["minute"])

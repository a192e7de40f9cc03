"""A second reading of the clocks, slow and simple: every clock anew from all entries, in the order in which they happened.

Written from decisions.md and the ledger, not from the protocol's file or its fold; the two are compared in
`test_protocol_reference`. Minutes are those of the story; business hours are open all day there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from incidentdesk.kernel.stamps import moment
from incidents.protocol import Entry

Limit = Callable[[int], float | None]
Read = tuple[str, float, float | None]  # word, due, met or ended at


@dataclass
class Occurrence:
    """One run of a clock, in minutes of the story."""

    anchor: float
    due: float
    met: float | None = None
    ended: float | None = None

    def read(self, now: float) -> Read:
        """The word of decisions.md 1."""
        if self.met is not None:
            return "met" if self.met <= self.due else "late", self.due, self.met
        if self.ended is not None:
            return "void" if self.ended <= self.due else "missed", self.due, self.ended
        return "running" if now < self.due else "overdue", self.due, None


@dataclass
class Run:
    """A clock of one subject while its facts are told in their order."""

    limit: Limit
    prior: bool = False
    each: bool = False
    now: Occurrence | None = None
    all: list[Occurrence] = field(default_factory=list)
    waits: bool = False
    done: float | None = None
    over: bool = False

    def start(self, at: float, severity: int | None, *, again: bool = False) -> None:
        if again:
            self.done = None
        if not self.over and self.now is None and (again or not self.all) and not (self.waits and not again):
            self.begin(at, severity)

    def begin(self, at: float, severity: int | None) -> None:
        minutes = None if severity is None else self.limit(severity)
        self.waits = minutes is None
        if minutes is None:
            return
        fresh = Occurrence(at, round(at + minutes, 6))
        self.all.append(fresh)
        if self.prior and self.done is not None:
            fresh.met = max(at, self.done)
        else:
            self.now = fresh

    def meet(self, at: float) -> None:
        if self.now is not None:
            self.now.met, self.now = max(at, self.now.anchor), None
            return
        self.waits = self.waits and not self.each
        if self.done is None:
            self.done = at

    def end(self, at: float) -> None:
        self.waits = False
        if self.now is not None:
            self.now.ended, self.now = at, None

    def severity(self, at: float, severity: int | None) -> None:
        minutes = None if severity is None else self.limit(severity)
        if minutes is None and self.now is not None:
            self.end(at)
            self.waits = True
        elif minutes is not None and self.waits:
            self.begin(at, severity)


@dataclass(frozen=True)
class Fact:
    """What an entry is to one clock: start, again, meet, end; or to all of them: severity, over, reopen."""

    at: float
    seq: int
    what: str
    severity: int | None = None


class Reference:
    """Readings of a list of entries; `zero` is minute 0."""

    def __init__(self, entries: list[Entry], zero: datetime) -> None:
        self.entries, self.zero = entries, zero

    def minute(self, at: Any) -> float:
        return round((moment(at) - self.zero).total_seconds() / 60, 6)

    def force(self) -> Iterator[Fact]:
        """The severity in force, from when it was recorded on."""
        declared, presumed = None, None
        for entry in self.entries:
            p = entry.payload
            if entry.kind == "opened":
                presumed = p["presumed"]
            elif entry.kind == "declared":
                declared = p["severity"]
            elif entry.kind == "severity.set":
                declared = p["to"]
            elif entry.kind == "alert.fired" and p.get("presumed") and presumed:
                presumed = min(presumed, p["presumed"])
            else:
                continue
            yield Fact(self.minute(entry.recorded), entry.seq, "severity", declared or presumed)

    def ends(self) -> Iterator[Fact]:
        for entry in self.entries:
            if entry.kind == "status.moved" and entry.payload["to"] in ("resolved", "closed"):
                yield Fact(self.minute(entry.recorded), entry.seq, "over")

    def run(
        self, facts: list[Fact], limit: Limit, now: float, *, prior: bool = False, each: bool = False
    ) -> list[Read]:
        """Tell one clock its facts in the order in which they happened; acts of one moment in that of their entry."""
        clock, severity = Run(limit, prior, each), None
        order = {"severity": 0, "end": 1, "meet": 2, "start": 3, "again": 3, "over": 4}
        for fact in sorted([*facts, *self.force(), *self.ends()], key=lambda f: (f.at, f.seq, order[f.what])):
            if fact.what == "severity":
                severity = fact.severity
                clock.severity(fact.at, severity)
            elif fact.what in ("start", "again"):
                clock.start(fact.at, severity, again=fact.what == "again")
            elif fact.what == "meet":
                clock.meet(fact.at)
            else:
                clock.end(fact.at)
                clock.over = clock.over or fact.what == "over"
        return [each_.read(now) for each_ in clock.all]

    def facts(self, tell: Callable[[Entry], str | None]) -> list[Fact]:
        found = []
        for entry in self.entries:
            for what in (tell(entry) or "").split():
                found.append(Fact(self.minute(entry.happened), entry.seq, what))
        return found

    def readings(self, now: float) -> dict[tuple[str, str], list[Read]]:
        """Every clock that this reference knows, by clock and subject."""
        found: dict[tuple[str, str], list[Read]] = {}
        for name, (tell, limit, prior) in SINGLE.items():
            found[name, ""] = self.run(self.facts(tell), limit, now, prior=prior)
        for number, user in self._pages():
            tell = self._page(number, user)
            facts = self.facts(tell)
            sent = min(fact.at for fact in facts if fact.what == "start")
            facts = [
                replace(fact, at=max(fact.at, sent)) for fact in facts
            ]  # an answer of before it ends it at once
            found["ack", number] = self.run(facts, major(5), now, each=True)
            found["response", number] = self.run(facts, {3: 60.0}.get, now, each=True)
        for change in sorted({str(e.payload["change"]) for e in self.entries if "change" in e.payload}):
            found["decision", change] = self.run(
                self.facts(_change(change)), {1: 5.0, 2: 5.0, 3: 5.0}.get, now, each=True
            )
        for name, (audience, also, periods) in UPDATES.items():
            updates = Updates(audience, also, periods)
            for at, entry, severity in self._told():
                updates.tell(self, at, entry, severity)
            found[name, ""] = updates.read(now)
        window = Window()
        for at, entry, severity in self._told():
            window.tell(at, entry, severity)
        found["stabilisation", ""] = window.read(now)
        return {key: reads for key, reads in found.items() if reads}

    def _told(self) -> list[tuple[float, Entry | None, int | None]]:
        """Entries in their order with when they were recorded; and where the severity in force changes."""
        force = {fact.seq: fact for fact in self.force()}
        told: list[tuple[float, Entry | None, int | None]] = []
        for entry in self.entries:
            if entry.seq in force:
                told.append((force[entry.seq].at, None, force[entry.seq].severity))
            told.append((self.minute(entry.recorded), entry, None))
        return told

    def _pages(self) -> list[tuple[str, int]]:
        return [
            (str(n), user) for e in self.entries if e.kind == "page.sent" for n, user in e.payload["pages"]
        ]

    def _page(self, number: str, user: int) -> Callable[[Entry], str | None]:
        calls = {
            str(n): e.payload["call"]
            for e in self.entries
            if e.kind == "page.sent"
            for n, _ in e.payload["pages"]
        }

        answers: list[int] = []

        def tell(entry: Entry) -> str | None:
            if entry.kind == "page.sent" and any(str(n) == number for n, _ in entry.payload["pages"]):
                return "start"
            if entry.kind != "page.acknowledged":
                return None
            answered = str(entry.payload["page"])
            if answered == number:
                answers.append(entry.seq)
                return "meet"
            if answers:
                return None  # it was answered by then: an earlier answer of somebody else takes nothing away
            chain = calls[number] != "hand" and calls[answered] != "hand"
            return "end" if chain and entry.by != user else None

        return tell


class Updates:
    """One update clock, from decisions.md 1 (Cadences, Severity change) and 11 (Texts)."""

    def __init__(self, audience: str, also: bool, periods: dict[int, float]) -> None:
        self.audience, self.also, self.periods = audience, also, periods
        self.past: list[Read] = []
        self.severity: int | None = None
        self.runs = self.waits = False
        self.anchor = self.due = self.roll = self.period = 0.0
        self.promise: float | None = None

    def begin(self, at: float, promise: float | None = None) -> None:
        period = self.periods.get(self.severity or 0)
        self.runs, self.waits = period is not None, period is None
        if period is not None:
            self.anchor, self.period, self.promise = at, period, promise
            self.due = round(min(at + period, at + period if promise is None else promise), 6)
            self.roll = round(self.due + period, 6)

    def rolled(self, at: float, *, inclusive: bool = False) -> None:
        while self.runs and (self.roll < at or (inclusive and self.roll == at)):
            self.past.append(("missed", self.due, self.roll))
            self.due, self.roll, self.promise = self.roll, round(self.roll + self.period, 6), None

    def tell(self, reference: Reference, at: float, entry: Entry | None, severity: int | None) -> None:
        self.rolled(at)
        if entry is None:
            self.change(at, severity)
        elif entry.kind == "declared":
            self.begin(at)
        elif entry.kind == "status.moved" and entry.payload["to"] == "resolved":
            self.end(at)
            self.waits = False
        elif entry.kind == "update.sent":
            heard = set(entry.payload["to"]) - set(entry.payload.get("unheard", ()))
            own = self.audience in heard
            if self.runs and (own or (self.also and "public" in heard)):
                self.past.append(("met" if at <= self.due else "late", self.due, at))
                kept = self.promise if self.promise is not None and self.promise > at else None
                named = entry.payload.get("next")
                self.begin(at, (reference.minute(named) if named else None) if own else kept)

    def end(self, at: float) -> None:
        if self.runs:
            self.past.append(("void" if at <= self.due else "missed", self.due, at))
        self.runs = False

    def change(self, at: float, severity: int | None) -> None:
        self.severity = severity
        period = self.periods.get(severity or 0)
        if period is None:
            self.waits = self.waits or self.runs
            self.end(at)
        elif self.waits:
            self.begin(at)
        elif self.runs and self.due < at:
            self.roll, self.period = max(at, min(self.roll, round(self.due + period, 6))), period
        elif self.runs:
            self.due, self.period = max(at, min(self.due, round(self.anchor + period, 6))), period
            self.roll = round(self.due + period, 6)

    def read(self, now: float) -> list[Read]:
        self.rolled(now, inclusive=True)
        return (
            [*self.past, ("running" if now < self.due else "overdue", self.due, None)]
            if self.runs
            else self.past
        )


class Window:
    """The stabilisation window, from decisions.md 5, 11 (Window) and 12: all of it goes by what was recorded."""

    def __init__(self) -> None:
        self.past: list[Read] = []
        self.due: float | None = None
        self.waits, self.over, self.severity, self.status = False, False, 0, "open"

    def begin(self, at: float) -> None:
        self.waits = self.severity not in (1, 2)
        self.due = None if self.waits else round(at + 15, 6)

    def close(self, at: float, *, passed: bool = False) -> None:
        if self.due is not None:
            met = self.due < at or (passed and self.due == at)
            self.past.append(("met", self.due, self.due) if met else ("void", self.due, at))
        self.due = None

    def tell(self, at: float, entry: Entry | None, severity: int | None) -> None:
        if entry is None:
            self.severity = severity or 0
            if self.due is not None and self.severity not in (1, 2):
                self.close(at)
                self.waits = True
            elif self.waits and self.severity in (1, 2):
                self.begin(at)
            return
        p = entry.payload
        if (entry.kind == "impact.ended" and not self.over) or (
            entry.kind in ("sample.bad", "alert.fired") and self.due is not None and p.get("critical", True)
        ):
            self.close(at)
            self.begin(at)
        elif entry.kind == "impact.started" and p.get("again"):
            self.close(at)
            self.waits = False
        elif entry.kind == "status.moved":
            if p["to"] in ("resolved", "closed"):
                self.close(at, passed=True)
                self.waits, self.over = False, True
            elif self.status == "monitoring" and p["to"] in ("mitigating", "investigating"):
                self.close(at)
                self.waits = False
            self.status = p["to"]

    def read(self, now: float) -> list[Read]:
        if self.due is None:
            return self.past
        return [*self.past, ("running", self.due, None) if now < self.due else ("met", self.due, self.due)]


def major(minutes: float) -> Limit:
    """A limit of SEV-1 and SEV-2 alone."""
    return {1: minutes, 2: minutes}.get


def _change(number: str) -> Callable[[Entry], str | None]:
    words = {"proposed": "start", "replied": "again", "lapsed": "again", "approved": "meet", "rejected": "meet", "asked": "meet",
             "done": "end", "withdrawn": "end"}  # fmt: skip

    def tell(entry: Entry) -> str | None:
        kind, _, word = entry.kind.partition(".")
        return words.get(word) if kind == "change" and str(entry.payload["change"]) == number else None

    return tell


def _act(start: str, *meets: str) -> Callable[[Entry], str | None]:
    return lambda entry: "start" if entry.kind == start else "meet" if entry.kind in meets else None


def _text(start: str, *audiences: str) -> Callable[[Entry], str | None]:
    def tell(entry: Entry) -> str | None:
        if entry.kind == "update.sent":
            heard = set(entry.payload["to"]) - set(entry.payload.get("unheard", ()))
            return "meet" if heard & set(audiences) else None
        return "start" if entry.kind == start else None

    return tell


def _theory(entry: Entry) -> str | None:
    cause = entry.kind == "finding" and entry.payload.get("cause")
    return (
        "start"
        if entry.kind == "opened"
        else "meet"
        if cause or entry.kind in ("theory", "escalated")
        else None
    )


def _leadership(entry: Entry) -> str | None:
    p = entry.payload
    if entry.kind == "escalated" and p["to"] == "leadership":
        return "meet"
    if entry.kind == "impact.ended" or (entry.kind == "change.confirmed" and p["effect"]):
        return "end"
    return "start" if entry.kind == "opened" else None


def _ic(entry: Entry) -> str | None:
    if entry.kind in ("seat.claimed", "seat.named", "seat.accepted") and entry.payload["seat"] == "ic":
        return "meet"
    if entry.kind == "seat.ended" and entry.payload["seat"] == "ic":
        return "again"
    return "start" if entry.kind in ("page.acknowledged", "declared") else None


def _announce(entry: Entry) -> str | None:
    if entry.kind == "severity.set":
        return "end again"
    heard = entry.kind == "update.sent" and set(entry.payload["to"]) - set(entry.payload.get("unheard", ()))
    return "meet" if heard else None


SLOW = {1: 15.0, 2: 30.0}
UPDATES = {
    "update.responders": ("responders", True, {**SLOW, 3: 120.0}),
    "update.clients": ("clients", True, SLOW),
    "update.public": ("public", False, SLOW),
    "executive": ("executives", False, SLOW),
}
ALWAYS: Limit = dict.fromkeys((1, 2, 3, 4), 5.0).get
SINGLE: dict[str, tuple[Callable[[Entry], str | None], Limit, bool]] = {
    "lead": (_act("opened", "lead.told"), major(5), True),
    "bridge": (_act("opened", "bridge.opened"), major(5), True),
    "client_notice": (_text("opened", "clients", "public"), major(5), True),
    "status_page": (_text("declared", "public"), major(5), True),
    "blast_radius": (_act("opened", "blast.reported"), major(10), True),
    "theory": (_theory, major(30), True),
    "leadership": (_leadership, {1: 30.0}.get, True),
    "ic": (_ic, major(2), True),
    "announce": (_announce, ALWAYS, False),
}

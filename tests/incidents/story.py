"""An incident told to the pure core alone: entries at moments, with what follows from them and what the tick would do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from incidentdesk.kernel.stamps import moment, stamp
from incidents.protocol import (
    Act,
    Block,
    Draft,
    Entry,
    Protocol,
    Reading,
    State,
    blockers,
    clocks,
    default_text,
    empty,
    fold,
    parse,
    read,
)
from incidents.protocol.consequences import consequences, implied

PROTOCOL = parse(default_text())
SARAH, ALEX, JORDAN, DANA, MIKE = 1, 2, 3, 4, 5
BUSINESS = {"from": "09:00", "to": "17:00", "holidays": []}
TUESDAY = datetime(2026, 3, 10, 10, 0, tzinfo=UTC)
NIGHT = datetime(2026, 3, 14, 2, 47, tzinfo=UTC)


@dataclass
class Story:
    """Times are minutes after `zero`, or moments; `sarah` to `mike` are users 1 to 5, Dana (4) is the manager."""

    zero: datetime = TUESDAY
    protocol: Protocol = PROTOCOL
    state: State = field(default_factory=empty)
    entries: list[Entry] = field(default_factory=list)

    def moment(self, at: float | datetime) -> datetime:
        """A moment, given as minutes after `zero`."""
        return at if isinstance(at, datetime) else self.zero + timedelta(minutes=at)

    def open(self, presumed: int = 1, at: float = 0, alert: float | None = None, **more: Any) -> "Story":
        """Open the record with the alert at minute `alert` (else `at`)."""
        payload = {
            "alert": stamp(self.moment(at if alert is None else alert)), "source": "alert", "minute": 60.0, "zone": "UTC",
            "business": BUSINESS, "options": dict(self.protocol.settings), "ladder": [SARAH, ALEX, JORDAN],
            "managers": [DANA], "presumed": presumed, "clients": [], **more,
        }  # fmt: skip
        self.add(at, "opened", None, **payload)
        return self

    def page(
        self, at: float = 0, user: int = SARAH, call: str = "chain", level: int = 1, by: int | None = None
    ) -> int:
        """Page one person; returns the number of the page."""
        number = len(self.state["pages"]) + 1
        self.add(at, "page.sent", by, pages=[[number, user]], call=call, level=level)
        return number

    def declare(self, severity: int = 1, at: float = 0, by: int = SARAH) -> "Story":
        """Declare, with nothing but the declaration."""
        self.add(at, "declared", by, severity=severity)
        return self

    def lead(self, severity: int = 1, at: float = 0) -> "Story":
        """Opened, declared, and Sarah in the IC's seat."""
        self.open(severity, at).declare(severity, at)
        self.add(at, "seat.claimed", SARAH, seat="ic", user=SARAH)
        return self

    def add(
        self,
        when: float | datetime,
        kind: str,
        by: int | None = None,
        said: float | None = None,
        **payload: Any,
    ) -> Entry:
        """Record an entry with all that follows from it; `said` is the minute that a person states it happened."""
        now = self.moment(when)
        happened = None if said is None else self.moment(said)
        drafts = [Draft(kind, payload, by, happened)]
        if self.entries:
            drafts = [*implied(self.state, drafts[0], now), *drafts]
        found: list[Entry] = []
        while drafts:
            entry = drafts.pop(0).entry(len(self.entries) + 1, now)
            self.state = fold(self.protocol, self.state, entry)
            self.entries.append(entry)
            found.append(entry)
            drafts += consequences(self.protocol, self.state, entry)
        return next(entry for entry in found if entry.kind == kind and entry.payload == payload)

    def tick(self, until: float | datetime, *, inclusive: bool = False) -> list[tuple[str, str, float]]:
        """Do what is due before `until`, as (clock, step, minute); people and pages are left out."""
        end, done = stamp(self.moment(until)), []
        while True:
            order = self.protocol.order
            due = sorted(
                (at, order[key[0]], key)
                for key, at in clocks.deadlines(self.protocol, self.state).items()
                if at < end or (inclusive and at == end)
            )
            if not due:
                return done
            at, _, (clock, subject, n, step) = due[0]
            now = moment(max(at, self.entries[-1].recorded))  # what falls due newly late comes at its cause
            if step == "roll":
                self.add(now, "clock.rolled", None, clock=clock, subject=subject)
            else:
                self.add(now, "clock.step", None, clock=clock, subject=subject, n=n, step=step, to=[])
            done.append((clock, step, (now - self.zero).total_seconds() / 60))

    def readings(self, at: float | datetime) -> list[Reading]:
        """Every reading at a moment."""
        return read(self.protocol, self.state, self.moment(at))

    def reading(self, clock: str, at: float | datetime, *, n: int = 1, subject: str | None = None) -> Reading:
        """One reading; the clock has one subject, or it is named."""
        found = [
            each for each in self.readings(at)
            if each.clock == clock and each.n == n and subject in (None, each.subject)
        ]  # fmt: skip
        assert len(found) == 1, (
            f"{clock} {n} reads {[(each.n, each.subject, each.word) for each in self.readings(at)]}"
        )
        return found[0]

    def blocks(
        self,
        at: float | datetime,
        kind: str,
        by: int = SARAH,
        roles: frozenset[str] = frozenset(),
        **fields: Any,
    ) -> list[Block]:
        """Why an act would be refused."""
        return blockers(self.protocol, self.state, Act(kind, by, roles, fields), self.moment(at))

    def resolve_blocks(self, at: float | datetime, **less: Any) -> list[str]:
        """The gates against a resolve that lacks nothing but time."""
        items = {item.id: "done" for item in self.protocol.checklists["resolve"]}
        fields: Mapping[str, Any] = {
            "to": "resolved",
            "proof": True,
            "review": stamp(self.moment(2880)),
            "items": items,
            **less,
        }
        return [block.id for block in self.blocks(at, "status.moved", **fields)]

    def minute_of(self, text: str | None) -> float | None:
        """A stamp as minutes after `zero`."""
        return None if text is None else (moment(text) - self.zero).total_seconds() / 60  # type: ignore[arg-type]

    def copied(self) -> State:
        """The state after it has been stored as JSON and read again."""
        return json.loads(json.dumps(self.state))  # type: ignore[no-any-return]

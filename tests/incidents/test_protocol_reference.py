"""The fold against a second, independent reading of the rules (`reference`), over random incidents."""

import random
from typing import Any

import pytest

from incidentdesk.kernel.stamps import stamp
from tests.incidents.reference import UPDATES, Read, Reference
from tests.incidents.story import ALEX, DANA, JORDAN, MIKE, SARAH, Story

PEOPLE = (SARAH, ALEX, JORDAN, DANA, MIKE)
GAPS = (0, 0, 1 / 60, 0.5, 1, 1, 2, 3, 5, 10, 15, 30)
LATE = frozenset({"page.acknowledged", "bridge.opened", "lead.told", "blast.reported", "theory", "finding", "escalated",
                  "change.approved", "change.confirmed"})  # fmt: skip
OPEN_ALL_DAY = {"from": "00:00", "to": "23:59", "holidays": []}


class Teller:
    """Tells one random incident: only what the flows would let happen, some of it entered late."""

    def __init__(self, seed: int) -> None:
        self.chance, self.minute, self.changes = random.Random(seed), 0.0, 0
        self.story = Story().open(self.chance.choice([1, 1, 2, 3]), business=OPEN_ALL_DAY)
        self.before: dict[int, float] = {}  # no step of a change lies before the one it follows
        self.sent = {self.story.page(): 0.0}

    def tell(self, acts: int) -> Story:
        for _ in range(acts):
            self.minute = round(self.minute + self.chance.choice(GAPS), 6)
            offered = [each for each in self._offers() if each is not None]
            kind, by, payload, least = self.chance.choice(offered)
            late = kind in LATE and self._may_be_late(kind, by) and self.chance.random() < 0.3
            said = max(least, self.minute - self.chance.choice([1, 3, 5, 10])) if late else None
            self._did(kind, payload, self.minute if said is None else min(said, self.minute))
            self.story.add(self.minute, kind, by, said if said != self.minute else None, **payload)
        return self.story

    def _may_be_late(self, kind: str, by: int) -> bool:
        """An act of before a change of severity also meets, at once, what the change has started; the reference, which
        tells them in the order in which they happened, starts nothing then. So only what a change cannot start is late."""
        state = self.story.state
        changed = any(e.kind == "severity.set" for e in self.story.entries)
        lowered = changed and not any(
            e.kind == "severity.set" and e.payload["to"] < e.payload["from"] for e in self.story.entries
        )
        paged = any(page["user"] == by and "acked" not in page for page in state["pages"].values())
        left = any(e.kind == "seat.ended" for e in self.story.entries)
        if kind == "page.acknowledged" or paged:
            return not changed and not left and state["severity"] in (None, state["presumed"])
        return not changed or lowered

    def _did(self, kind: str, payload: dict[str, Any], at: float) -> None:
        if kind == "page.sent":
            self.sent[payload["pages"][0][0]] = self.minute
        if kind.startswith("change."):
            self.before[payload["change"]] = at

    def _offers(self) -> list[Any]:
        state, by, p = self.story.state, self.chance.choice(PEOPLE), self.chance.choice
        over = state["status"] in ("resolved", "closed")
        found: list[Any] = [
            ("note", by, {}, 0),
            ("theory", by, {}, 0),
            ("finding", by, {"cause": p([True, False])}, 0),
        ]
        for number, page in state["pages"].items():
            if "acked" not in page:
                found.append(
                    (
                        "page.acknowledged",
                        p([page["user"], by]),
                        {"page": int(number)},
                        self.sent[int(number)],
                    )
                )
        if over:
            return found
        found += [
            ("lead.told", by, {}, 0), ("blast.reported", by, {}, 0), ("escalated", by, {"to": p(["leadership", "l3"])}, 0),
            ("update.sent", by, {"to": p([["responders"], ["clients"], ["public"], ["executives", "clients"]]),
                                 "unheard": p([[], ["clients"]])} | p([{}, {"next": stamp(self.story.moment(self.minute + p([2, 6, 12])))}]), 0),
            ("sample.bad", by, {}, 0), ("alert.fired", None, {"alert": 1, "critical": p([True, False]), "again": p([True, False])}, 0),
            ("page.sent", by, {"pages": [[len(state["pages"]) + 1, p(PEOPLE)]], "call": "hand", "level": 0}, 0),
            ("page.sent", None, {"pages": [[len(state["pages"]) + 1, p(PEOPLE)]], "call": "chain", "level": 2}, 0),
        ]  # fmt: skip
        if state["bridge"] is None:
            found.append(("bridge.opened", by, {}, 0))
        if state["impact"][-1][1] is None:
            found += [("impact.ended", by, {}, 0)] * 2
        elif self.chance.random() < 0.3:
            found.append(
                ("impact.started", by, {"at": stamp(self.story.moment(self.minute)), "again": True}, 0)
            )
        if state["status"] == "monitoring":
            found.append(
                ("status.moved", by, {"from": "monitoring", "to": p(["mitigating", "investigating"])}, 0)
            )
        if "ic" in state["seats"]:
            found.append(("seat.ended", by, {"seat": "ic", "user": state["seats"]["ic"]["user"]}, 0))
        else:
            found += [("seat.claimed", by, {"seat": "ic", "user": by}, 0)] * 2
        if state["severity"] is None:
            found += [("declared", by, {"severity": p([1, 2, 3, 4])}, 0)] * 3
            return found
        to = p([each for each in (1, 2, 3, 4) if each != state["severity"]])
        found += [("severity.set", by, {"from": state["severity"], "to": to, "announce": True}, 0)] * 2
        found += (
            [("status.moved", by, {"from": state["status"], "to": "resolved"}, 0)]
            if self.chance.random() < 0.2
            else []
        )
        return [*found, *self._of_changes(by)]

    def _of_changes(self, by: int) -> list[Any]:
        changes = self.story.state["changes"]
        number = len(changes) + 1
        found: list[Any] = [("change.proposed", by, {"change": number, "risk": True, "implementer": by}, 0)]
        for key, change in changes.items():
            steps = {"proposed": ("approved", "asked", "withdrawn"), "asked": ("approved", "replied"),
                     "approved": ("started",), "started": ("finished",), "finished": ("confirmed",)}  # fmt: skip
            for step in steps.get(change["state"], ()):
                payload = {"change": int(key)} | ({"effect": True} if step == "confirmed" else {})
                found.append((f"change.{step}", by, payload, self.before[int(key)]))
        return found


def folded(story: Story, now: float, known: Any) -> dict[tuple[str, str], list[Read]]:
    """The fold's readings, as the reference gives them."""
    found: dict[tuple[str, str], list[Read]] = {}
    for reading in story.readings(now):
        if reading.n and reading.clock in known:
            at = story.minute_of(reading.at)
            read = (
                reading.word,
                round(story.minute_of(reading.due) or 0, 6),
                None if at is None else round(at, 6),
            )
            reads = found.setdefault((reading.clock, reading.subject), [])
            reads.append(read)
            for _ in range(reading.times - 1):  # the reference tells each of those that were missed in a row
                due = reads[-1][2] or 0
                reads.append(("missed", due, round(due + reading.minutes, 6)))
    return found


def compare(seed: int, acts: int = 30) -> str:
    """What differs in one incident, told in words; nothing where both read the same."""
    teller = Teller(seed)
    story = teller.tell(acts)
    known = {"lead", "bridge", "client_notice", "status_page", "blast_radius", "theory", "leadership", "ic", "announce",
             "ack", "response", "decision", "stabilisation", *UPDATES}  # fmt: skip
    for later in (0, 7, 90):
        now = round(teller.minute + later, 6)
        one, two = folded(story, now, known), Reference(story.entries, story.zero).readings(now)
        for key in sorted({*one, *two}):
            if one.get(key) != two.get(key):
                told = [
                    (
                        e.seq,
                        e.kind,
                        e.by,
                        round(story.minute_of(e.happened) or 0, 2),
                        round(story.minute_of(e.recorded) or 0, 2),
                        dict(e.payload),
                    )
                    for e in story.entries
                ]
                return (
                    f"seed {seed}, {key} at {now}: fold {one.get(key)}, reference {two.get(key)}\n"
                    + "\n".join(map(str, told))
                )
    return ""


@pytest.mark.ledger("CLK-01", "CLK-39")
@pytest.mark.parametrize("start", range(0, 300, 50))
def test_the_fold_reads_every_clock_as_the_second_reading_does(start: int) -> None:
    assert [told for seed in range(start, start + 50) if (told := compare(seed))] == []

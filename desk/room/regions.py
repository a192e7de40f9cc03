"""The regions of the room: their templates, what each reads, and which of them an entry of a kind can have changed.

An entry that no row names changes the timeline alone; one whose kind a clock of the protocol listens to changes clocks,
head and banners too. A delivery that was settled, or an alert that reads otherwise, raises the cursor without an entry:
then the texts sent and the alerts are new.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from desk.room.banners import KINDS as BANNERS
from desk.room.banners import OFFERS
from desk.room.changes import KINDS as CHANGES
from desk.room.load import Source
from incidents.protocol import Protocol

_BRIDGE = frozenset({"bridge.opened"})
_HEAD = frozenset({"status.moved"}) | _BRIDGE
_DUTIES = frozenset({"objective.set", "blast.reported", "scope.set", "decision", "escalated", "severity.set"})


@dataclass(frozen=True)
class Region:
    """One region: its template, the kinds it reads wherever they stand (all, or the last), its sources."""

    template: str
    all_of: frozenset[str] = frozenset()
    last_of: frozenset[str] = frozenset()
    sources: frozenset[Source] = frozenset()


REGIONS: Final[dict[str, Region]] = {
    "state": Region("desk/_state.html", last_of=frozenset({"objective.set"}) | _BRIDGE),
    "header": Region("desk/_header.html", last_of=_HEAD),
    "banners": Region("desk/_banners.html", all_of=OFFERS, last_of=BANNERS),
    "clocks": Region("desk/_clocks.html"),
    "objective": Region("desk/_objective.html", last_of=frozenset({"objective.set"})),
    "roster": Region("desk/_roster.html", last_of=_DUTIES, sources=frozenset({Source.WRITERS})),
    "impact": Region(
        "desk/_impact.html",
        all_of=frozenset({"impact.stated"}),
        last_of=frozenset({"impact.started", "blast.reported", "scope.set"}),
        sources=frozenset({Source.SERVICES, Source.CLIENTS}),
    ),
    "approvals": Region("desk/_approvals.html", all_of=frozenset(CHANGES)),
    "changes": Region("desk/_changes.html", all_of=frozenset(CHANGES)),
    "gate": Region("desk/_gate.html", all_of=frozenset({"item.ticked", "sample.bad", "impact.ended"})),
    "theories": Region("desk/_theories.html", all_of=frozenset({"theory", "theory.settled"})),
    "sends": Region("desk/_sends.html", sources=frozenset({Source.SENDS})),
    "alerts": Region("desk/_alerts.html", sources=frozenset({Source.ALERTS})),
    "runbooks": Region("desk/_runbooks.html", sources=frozenset({Source.SERVICES, Source.RUNBOOKS})),
    "acts": Region("desk/_acts.html"),
    "forms": Region(
        "desk/_forms_live.html",
        all_of=frozenset({"theory", "theory.settled", "item.ticked"}),
        last_of=_DUTIES | {"objective.set"} | _BRIDGE,
        sources=frozenset({Source.COLLEAGUES}),
    ),
}
TIMELINE: Final = "desk/_timeline_new.html"
# What the rows of the timeline look up in older entries.
ROWS: Final = frozenset({"corrected", "theory.settled"})
NAMED: Final = frozenset({"scope.set", "client.confirmed"})

EVERYTHING: Final = tuple(REGIONS)
ALL: Final = ROWS.union(*(region.all_of for region in REGIONS.values()))
LAST: Final = frozenset().union(*(region.last_of for region in REGIONS.values()))

_CLOCK = ("header", "banners", "clocks")
_SEAT = (
    *_CLOCK,
    "objective",
    "roster",
    "impact",
    "approvals",
    "changes",
    "gate",
    "theories",
    "alerts",
    "acts",
    "forms",
)
_CHANGE = (*_CLOCK, "approvals", "changes", "gate")
_END = ("banners", "header", "clocks", "impact", "gate", "forms", "alerts")
NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "opened": EVERYTHING,
    "redacted": EVERYTHING,  # its words may stand in any of them
    "declared": EVERYTHING,
    "severity.set": EVERYTHING,
    "status.moved": EVERYTHING,
    "owner.named": _SEAT,
    "alert.fired": (*_END, "approvals"),
    "alert.resolved": _END,
    "page.sent": ("alerts", "banners", "clocks"),
    "page.acknowledged": ("alerts", "banners", "clocks", "header", "roster"),
    "severity.proposed": ("banners",),
    "alert_time.corrected": EVERYTHING,
    "scope.set": ("impact", "runbooks", "gate", "forms", "roster"),
    "impact.stated": ("impact", "gate"),
    "impact.started": _END,
    "impact.ended": _END,
    "impact.withdrawn": _END,
    "sample.bad": ("gate", "clocks", "forms"),
    "blast.reported": ("impact", "clocks", "roster"),
    "objective.set": ("objective", "roster"),
    **dict.fromkeys(
        ("seat.claimed", "seat.named", "seat.accepted", "seat.ended", "seat.acknowledged", "seat.offered",
         "seat.declined", "ic.away", "ic.back"), _SEAT,
    ),
    "ic.acknowledged": ("roster", "banners"),
    "bridge.opened": ("header", "roster", "banners", "clocks", "acts"),
    "bridge.joined": ("roster", "banners"),
    "lead.told": ("clocks", "acts"),
    "finding": ("gate", "acts"),
    "theory": ("theories", "forms", "acts"),
    "reason": ("acts",),
    "theory.settled": ("theories", "forms"),
    "decision": ("roster",),
    "escalated": ("roster", "acts"),
    "client.confirmed": ("gate",),
    "item.ticked": ("gate", "forms"),
    **dict.fromkeys(CHANGES, _CHANGE),
    "update.sent": ("sends", *_CLOCK, "roster"),
    "clock.step": ("alerts", "roster", "approvals"),
    "message.dead": ("sends", "banners"),
    "message.resent": ("sends",),
    "draft.prepared": ("banners",),
}  # fmt: skip


def regions_of(protocol: Protocol, kinds: Iterable[str]) -> list[str]:
    """The regions that entries of these kinds can have changed, in the order of the page; `state` always."""
    found = {"state"}
    for kind in kinds:
        found.update(NEEDS.get(kind, ()))
        if kind in protocol.interest or kind.startswith("clock."):
            found.update(_CLOCK)
    return [name for name in REGIONS if name in found]

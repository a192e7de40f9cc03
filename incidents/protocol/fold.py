"""Move a state one entry on. Folding one by one equals folding all; nothing given is changed."""

from collections.abc import Iterable
from typing import cast

from incidents.protocol import milestones, occurrences, retiming
from incidents.protocol.definition import Protocol
from incidents.protocol.entries.changes import raised
from incidents.protocol.entries.handlers import HANDLERS
from incidents.protocol.entries.seats import present, prune_offers
from incidents.protocol.state import Entry, State, force


def fold(protocol: Protocol, state: State, entry: Entry) -> State:
    """The state one entry later; costs the same however long the timeline is."""
    fresh = cast(State, dict(state))
    fresh["clocks"] = dict(state["clocks"])
    fresh["seq"] = entry.seq
    before = force(state)
    handler = HANDLERS.get(entry.kind)
    if handler is not None:
        handler(protocol, fresh, entry)
    if fresh["owner"] != state["owner"]:
        fresh["owner_seq"] = entry.seq
    if entry.by is not None:
        present(fresh, entry)
    if force(fresh) in (1, 2):
        raised(fresh)
    if fresh["offers"]:
        prune_offers(state, fresh)
    if force(fresh) != before and before is not None:
        retiming.reseverity(protocol, fresh, before, entry.recorded)
    occurrences.touch(protocol, fresh, entry)
    milestones.reach(protocol, fresh, entry)
    if entry.kind == "status.moved" and entry.payload["to"] in ("resolved", "closed"):
        occurrences.end_all(protocol, fresh, entry)
    return fresh


def fold_all(protocol: Protocol, state: State, entries: Iterable[Entry]) -> State:
    """The state after all entries, in their order."""
    for entry in entries:
        state = fold(protocol, state, entry)
    return state

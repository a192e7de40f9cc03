"""The milestones of an incident: each is stamped once, by the first entry that the protocol names for it."""

from incidentdesk.kernel.stamps import Stamp
from incidents.protocol.definition import Protocol
from incidents.protocol.match import fits
from incidents.protocol.state import Entry, Stamped, State


def reach(protocol: Protocol, state: State, entry: Entry) -> None:
    """Stamp what is reached with this entry and was not before."""
    for name, pattern in protocol.stamps.get(entry.kind, ()):
        if name not in state["milestones"] and fits(pattern, entry, state):
            stamp(state, name, entry.happened, entry.seq)


def stamp(state: State, name: str, at: Stamp, seq: int) -> None:
    """Say when a milestone was reached, and which entry proves it; an earlier word gives way."""
    state["milestones"] = {**state["milestones"], name: Stamped(at=at, seq=seq)}

"""The milestones of an incident: each is stamped by the earliest act that the protocol names for it.

Earliest by when it happened: an earlier act that is entered later takes the place of the one entered before it.
"""

from incidentdesk.kernel.stamps import Stamp
from incidents.protocol.definition import Protocol
from incidents.protocol.match import fits
from incidents.protocol.state import Entry, Stamped, State


def reach(protocol: Protocol, state: State, entry: Entry) -> None:
    """Stamp what is reached with this entry and was not before it happened."""
    for name, pattern in protocol.stamps.get(entry.kind, ()):
        known = state["milestones"].get(name)
        if (known is None or entry.happened < known["at"]) and fits(pattern, entry, state):
            stamp(state, name, entry.happened, entry.seq)


def stamp(state: State, name: str, at: Stamp, seq: int) -> None:
    """Say when a milestone was reached, and which entry proves it; an earlier word gives way."""
    state["milestones"] = {**state["milestones"], name: Stamped(at=at, seq=seq)}


def withdraw(state: State, name: str) -> None:
    """A milestone was not reached after all."""
    state["milestones"] = {each: stamped for each, stamped in state["milestones"].items() if each != name}

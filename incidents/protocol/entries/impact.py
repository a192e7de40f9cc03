"""When customers were hit, how many and whose; the intervals that durations are measured by."""

from incidents.protocol import milestones, occurrences
from incidents.protocol.definition import Protocol
from incidents.protocol.entries.handlers import handles
from incidents.protocol.state import Entry, State


@handles("impact.started")
def _impact_started(protocol: Protocol, state: State, entry: Entry) -> None:
    at = entry.payload["at"]
    if entry.by is not None:
        state["hit"] = True  # somebody says that customers felt it
    intervals = state["impact"]
    state["impact_seq"] = entry.seq
    if entry.payload.get("again"):
        state["impact"] = [*intervals, [at, None]]
    else:
        state["impact"] = [[at, intervals[0][1] if intervals else None], *intervals[1:]]
        milestones.stamp(state, "impact_start", at, entry.seq)


@handles("impact.ended")
def _impact_ended(protocol: Protocol, state: State, entry: Entry) -> None:
    begun = state["impact"][-1][0] if state["impact"] else state["alert"]
    state["impact"] = [*state["impact"][:-1], [begun, entry.happened]]
    state["impact_seq"] = entry.seq


@handles("impact.withdrawn")
def _withdrawn(protocol: Protocol, state: State, entry: Entry) -> None:
    withdraw(protocol, state, entry)


def withdraw(protocol: Protocol, state: State, entry: Entry) -> None:
    """The impact is not over after all: its interval is open again and the window is void."""
    if state["impact"] and state["impact"][-1][1] is not None:
        state["impact"] = [*state["impact"][:-1], [state["impact"][-1][0], None]]
        state["impact_seq"] = entry.seq
        if all(end is None for _, end in state["impact"]):
            milestones.withdraw(state, "impact_ended")
    occurrences.end(protocol, state, protocol.clock["stabilisation"], "", entry.recorded)


@handles("impact.stated")
def _impact(protocol: Protocol, state: State, entry: Entry) -> None:
    if entry.payload.get("users") or entry.payload.get("percent"):
        state["hit"] = True


@handles("scope.set")
def _scope(protocol: Protocol, state: State, entry: Entry) -> None:
    state["clients"] = entry.payload.get("clients") or []
    if state["clients"] and entry.by is not None:
        state["hit"] = True


@handles("blast.reported")
def _blast(protocol: Protocol, state: State, entry: Entry) -> None:
    if entry.payload.get("clients"):
        state["hit"] = True

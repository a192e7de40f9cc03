"""What people found, told and ticked, and what the tick has done."""

from incidents.protocol import cadence, occurrences
from incidents.protocol.definition import Protocol
from incidents.protocol.entries.handlers import handles
from incidents.protocol.match import heard
from incidents.protocol.state import Entry, State


@handles("finding")
def _finding(protocol: Protocol, state: State, entry: Entry) -> None:
    state["findings"] += 1
    state["causes"] += 1 if entry.payload.get("cause") else 0


@handles("theory")
def _theory(protocol: Protocol, state: State, entry: Entry) -> None:
    state["theories"] = {**state["theories"], str(entry.seq): "open"}


@handles("theory.settled")
def _settled(protocol: Protocol, state: State, entry: Entry) -> None:
    state["theories"] = {**state["theories"], str(entry.payload["theory"]): entry.payload["as"]}


@handles("update.sent")
def _sent(protocol: Protocol, state: State, entry: Entry) -> None:
    state["sent"] = {**state["sent"], **dict.fromkeys(heard(entry), entry.happened)}
    state["sent_seq"] = entry.seq


@handles("redacted")
def _redacted(protocol: Protocol, state: State, entry: Entry) -> None:
    state["redacted"] = entry.seq


@handles("client.confirmed")
def _confirmed(protocol: Protocol, state: State, entry: Entry) -> None:
    if entry.payload["client"] not in state["confirmed"]:
        state["confirmed"] = [*state["confirmed"], entry.payload["client"]]


@handles("item.ticked")
def _ticked(protocol: Protocol, state: State, entry: Entry) -> None:
    state["items"] = {**state["items"], entry.payload["item"]: entry.payload["as"]}


@handles("clock.step")
def _stepped(protocol: Protocol, state: State, entry: Entry) -> None:
    occurrences.done(state, entry)
    if entry.payload.get("call") == "red":
        state["unanswered"] = True


@handles("clock.rolled")
def _rolled(protocol: Protocol, state: State, entry: Entry) -> None:
    cadence.roll_over(protocol, state, entry)

"""Production changes, from the proposal to the confirmed effect."""

from typing import cast

from incidents.protocol import occurrences
from incidents.protocol.definition import Protocol
from incidents.protocol.entries.handlers import handles
from incidents.protocol.state import ChangeState, Entry, State, force


@handles("change.proposed")
def _proposed(protocol: Protocol, state: State, entry: Entry) -> None:
    p = entry.payload
    change = ChangeState(
        state="proposed",
        seq=entry.seq,
        requester=cast(int, entry.by),
        implementer=p.get("implementer"),
        approver=None,
        risk=p["risk"],
        notice=p.get("notice", False),
        at=entry.happened,
        major=force(state) in (1, 2),
    )
    state["changes"] = {**state["changes"], str(p["change"]): change}


CHANGE_STATES = {
    "change.approved": "approved",
    "change.rejected": "rejected",
    "change.asked": "asked",
    "change.replied": "proposed",
    "change.started": "started",
    "change.finished": "finished",
    "change.confirmed": "confirmed",
    "change.withdrawn": "withdrawn",
}


@handles(*CHANGE_STATES)
def _changed(protocol: Protocol, state: State, entry: Entry) -> None:
    key = str(entry.payload["change"])
    change = cast(ChangeState, dict(state["changes"][key]))
    change.update({"state": CHANGE_STATES[entry.kind], "seq": entry.seq})
    if entry.kind == "change.approved":
        change.update({"approver": entry.by, "under": force(state)})
    if entry.kind == "change.started":
        change["implementer"] = entry.by
    if entry.kind == "change.confirmed":
        change["effect"] = entry.payload["effect"]
    if entry.kind == "change.replied" and entry.payload.get("risk"):
        change["risk"] = True
    if entry.kind in ("change.approved", "change.rejected") and entry.payload.get("risk"):
        change["risk"] = True
    state["changes"] = {**state["changes"], key: change}


@handles("change.done")
def _change_done(protocol: Protocol, state: State, entry: Entry) -> None:
    """A change that was made already: unauthorised unless it had been approved (APP-02)."""
    key = str(entry.payload["change"])
    known = state["changes"].get(key)
    change = ChangeState(
        state="done",
        seq=entry.seq,
        requester=known["requester"] if known else cast(int, entry.by),
        implementer=entry.payload.get("implementer") or entry.by,
        approver=known["approver"] if known else None,
        risk=known["risk"] if known else False,
        notice=known["notice"] if known else False,
        at=known["at"] if known else entry.happened,
        major=known["major"] if known else force(state) in (1, 2),
        under=known.get("under") if known else None,
        unauthorised=not (known and known["approver"]),
    )
    state["changes"] = {**state["changes"], key: change}


@handles("change.lapsed")
def _lapsed(protocol: Protocol, state: State, entry: Entry) -> None:
    """An own approval that the rise to SEV-1 or SEV-2 ended: it waits for an answer again, and the decision clock runs."""
    key = str(entry.payload["change"])
    change = cast(ChangeState, dict(state["changes"][key]))
    change.update({"state": "proposed", "seq": entry.seq, "approver": None, "under": None})
    state["changes"] = {**state["changes"], key: change}
    clock = protocol.clock.get("decision")
    if clock is not None:
        occurrences.start(protocol, state, clock, key, entry, again=True)


def raised(state: State) -> None:
    """SEV-1 or SEV-2 is in force: nobody answers for a change of their own any more that was proposed by now."""
    if any(not change["major"] for change in state["changes"].values()):
        state["changes"] = {
            number: change if change["major"] else cast(ChangeState, {**change, "major": True})
            for number, change in state["changes"].items()
        }

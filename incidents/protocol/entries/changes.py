"""Production changes, from the proposal to the confirmed effect."""

from typing import cast

from incidents.protocol.definition import Protocol
from incidents.protocol.entries.handlers import handles
from incidents.protocol.state import ChangeState, Entry, State


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
        change["approver"] = entry.by
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
        unauthorised=not (known and known["approver"]),
    )
    state["changes"] = {**state["changes"], key: change}

"""Opening, declaring, severity, status and owner."""

from incidents.protocol import milestones
from incidents.protocol.definition import Protocol
from incidents.protocol.entries.handlers import handles
from incidents.protocol.entries.impact import withdraw
from incidents.protocol.state import Entry, State


@handles("opened")
def _opened(protocol: Protocol, state: State, entry: Entry) -> None:
    p = entry.payload
    state.update(
        {
            "opened": entry.recorded,
            "alert": p["alert"],
            "source": p["source"],
            "minute": p["minute"],
            "zone": p["zone"],
            "business": p["business"],
            "options": p["options"],
            "ladder": p["ladder"],
            "managers": p["managers"],
            "status": "open",
            "status_seq": entry.seq,
            "presumed": p["presumed"],
            "owner": p.get("owner"),
            "clients": p.get("clients", []),
            "hit": bool(p.get("clients")) and entry.by is not None,
        }
    )
    milestones.stamp(state, "alert_fired", p["alert"], entry.seq)
    milestones.stamp(state, "impact_start", p.get("impact") or p["alert"], entry.seq)
    state["impact"] = [[p.get("impact") or p["alert"], None]]


@handles("declared")
def _declared(protocol: Protocol, state: State, entry: Entry) -> None:
    state.update({"severity": entry.payload["severity"], "severity_seq": entry.seq})
    if state["owner"] is None:
        state["owner"] = entry.by
    if entry.payload.get("hit"):
        state["hit"] = True


@handles("severity.set")
def _severity(protocol: Protocol, state: State, entry: Entry) -> None:
    state.update({"severity": entry.payload["to"], "severity_seq": entry.seq})


@handles("status.moved")
def _moved(protocol: Protocol, state: State, entry: Entry) -> None:
    leaving, to = state["status"], entry.payload["to"]
    state.update({"status": to, "status_seq": entry.seq})
    if leaving == "monitoring" and to in ("mitigating", "investigating"):
        withdraw(protocol, state, entry)
    if entry.payload.get("again"):
        state["impact"] = [*state["impact"], [entry.happened, None]]
        state["items"] = {}
    if entry.payload.get("review"):
        state["review"] = entry.payload["review"]


@handles("owner.named")
def _owner(protocol: Protocol, state: State, entry: Entry) -> None:
    state.update({"owner": entry.payload["user"], "owner_named": True})

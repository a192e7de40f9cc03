"""Alerts that fire and resolve, and the pages that wake people for them."""

from typing import cast

from incidents.protocol import milestones, occurrences, retiming
from incidents.protocol.definition import Protocol
from incidents.protocol.entries.handlers import handles
from incidents.protocol.state import Entry, PageState, State


@handles("alert.fired")
def _alert(protocol: Protocol, state: State, entry: Entry) -> None:
    p = entry.payload
    state["alerts"] = {**state["alerts"], str(p["alert"]): {"firing": True, "critical": p["critical"]}}
    raised = p.get("presumed")
    if raised and state["severity"] is None and (state["presumed"] is None or raised < state["presumed"]):
        state["presumed"] = raised


@handles("alert.resolved")
def _alert_resolved(protocol: Protocol, state: State, entry: Entry) -> None:
    key = str(entry.payload["alert"])
    known = state["alerts"].get(key, {"critical": False})
    state["alerts"] = {**state["alerts"], key: {**known, "firing": False}}


@handles("alert_time.corrected")
def _corrected(protocol: Protocol, state: State, entry: Entry) -> None:
    was, to = state["alert"], entry.payload["to"]
    state["alert"] = to
    start = state["milestones"]["impact_start"]
    if start["at"] == was and start["seq"] == state["milestones"]["alert_fired"]["seq"]:
        # Nobody has said when it began, so it began with the alert.
        milestones.stamp(state, "impact_start", to, entry.seq)
        state["impact"] = [[to, state["impact"][0][1]], *state["impact"][1:]]
    milestones.stamp(state, "alert_fired", to, entry.seq)
    retiming.move_alert(protocol, state, was, to)


@handles("page.sent")
def _paged(protocol: Protocol, state: State, entry: Entry) -> None:
    p = entry.payload
    sent = p.get("at") or entry.happened  # a page of the night waits for working hours
    fresh = {
        str(page): PageState(user=user, at=sent, call=p["call"], level=p["level"], by=entry.by)
        for page, user in p["pages"]
    }
    state["pages"] = {**state["pages"], **fresh}
    if p["call"] == "all":
        state["round"] += 1
    if p["call"] == "chain" and p["level"] == 1:
        state.update({"round": 0, "unanswered": False})
    if state["owner"] is None:
        state["owner"] = p["pages"][0][1]


@handles("page.acknowledged")
def _acknowledged(protocol: Protocol, state: State, entry: Entry) -> None:
    answered = str(entry.payload["page"])
    page = state["pages"][answered]
    pages = {**state["pages"], answered: cast(PageState, {**page, "acked": entry.happened})}
    if page["call"] != "hand":
        state["unanswered"] = False
        for number, other in state["pages"].items():
            if number != answered and other["call"] != "hand" and "acked" not in other:
                for clock in ("ack", "response"):
                    occurrences.end(protocol, state, protocol.clock[clock], number, entry.happened)
        if not state["owner_named"] and "acknowledged" not in state["milestones"]:
            state["owner"] = entry.by if entry.by is not None else page["user"]
    state["pages"] = pages

"""Alerts that fire and resolve, and the pages that wake people for them."""

from typing import cast

from incidents.protocol import milestones, occurrences, retiming
from incidents.protocol.definition import Protocol
from incidents.protocol.entries.handlers import handles
from incidents.protocol.state import Entry, PageState, State, ended


@handles("alert.fired")
def _alert(protocol: Protocol, state: State, entry: Entry) -> None:
    p = entry.payload
    state["alerts"] = {
        **state["alerts"],
        str(p["alert"]): {"firing": True, "critical": p["critical"], "seq": entry.seq},
    }
    raised = p.get("presumed")
    if raised and state["severity"] is None and (state["presumed"] is None or raised < state["presumed"]):
        state["presumed"] = raised


@handles("alert.resolved")
def _alert_resolved(protocol: Protocol, state: State, entry: Entry) -> None:
    key = str(entry.payload["alert"])
    known = state["alerts"].get(key, {"critical": False})
    state["alerts"] = {**state["alerts"], key: {**known, "firing": False, "seq": entry.seq}}


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
    if state["owner"] is None and p["call"] != "hand":  # a page by hand makes nobody owner
        state["owner"] = p["pages"][0][1]


@handles("page.acknowledged")
def _acknowledged(protocol: Protocol, state: State, entry: Entry) -> None:
    answered = str(entry.payload["page"])
    page = state["pages"][answered]
    if page["call"] != "hand":
        _answered(protocol, state, entry, answered)
    state["pages"] = {**state["pages"], answered: cast(PageState, {**page, "acked": entry.happened})}


def _answered(protocol: Protocol, state: State, entry: Entry, answered: str) -> None:
    """One answer is enough for the chain: its other pages wait no more, but for those that the same person answers too.

    The first to answer owns the incident, until it is over or the IC names somebody.
    """
    chain = [(number, page) for number, page in state["pages"].items() if page["call"] != "hand"]
    state["unanswered"] = False
    for number, other in chain:
        if number != answered and "acked" not in other and other["user"] != entry.by:
            for clock in ("ack", "response"):
                occurrences.fall_away(protocol, state, protocol.clock[clock], number, entry)
    first = not any("acked" in page for _, page in chain)
    if first and not state["owner_named"] and not ended(state):
        state["owner"] = entry.by if entry.by is not None else state["pages"][answered]["user"]

"""Move a state one entry on. Folding one by one equals folding all; nothing given is changed."""

from collections.abc import Callable, Iterable
from typing import Any, cast

from incidentdesk.kernel.stamps import Stamp
from incidents.protocol import cadence, occurrences, retiming
from incidents.protocol.definition import Protocol
from incidents.protocol.match import NO_ACT, fits
from incidents.protocol.state import (
    ChangeState,
    Entry,
    PageState,
    Run,
    SeatState,
    Stamped,
    State,
    force,
    holder,
)

Handler = Callable[[Protocol, State, Entry], None]
HANDLERS: dict[str, Handler] = {}


def handles(*kinds: str) -> Callable[[Handler], Handler]:
    """Register the function that takes entries of these kinds into the state."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(kinds, handler))
        return handler

    return register


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
        _present(fresh, entry)
    if force(fresh) != before and before is not None:
        retiming.reseverity(protocol, fresh, before, entry.recorded)
    occurrences.touch(protocol, fresh, entry)
    _milestones(protocol, fresh, entry)
    if entry.kind == "status.moved" and entry.payload["to"] in ("resolved", "closed"):
        occurrences.end_all(protocol, fresh, entry)
    return fresh


def fold_all(protocol: Protocol, state: State, entries: Iterable[Entry]) -> State:
    """The state after all entries, in their order."""
    for entry in entries:
        state = fold(protocol, state, entry)
    return state


def _milestones(protocol: Protocol, state: State, entry: Entry) -> None:
    for name, pattern in protocol.stamps.get(entry.kind, ()):
        if name not in state["milestones"] and fits(pattern, entry, state):
            _stamp(state, name, entry.happened, entry.seq)


def _stamp(state: State, name: str, at: Stamp, seq: int) -> None:
    state["milestones"] = {**state["milestones"], name: Stamped(at=at, seq=seq)}


def _present(state: State, entry: Entry) -> None:
    """Any act in a seat acknowledges it; any act of the IC ends the absence."""
    for seat, held in state["seats"].items():
        if held["user"] != entry.by or (held["acked"] and not held.get("away")):
            continue
        if entry.kind in NO_ACT or (held["seq"] == entry.seq and not held["claimed"]):
            continue
        _seat(state, seat, {**held, "acked": True, "away": False})


def _seat(state: State, seat: str, held: Any) -> None:
    state["seats"] = {**state["seats"], seat: cast(SeatState, held)}


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
        }
    )
    _stamp(state, "alert_fired", p["alert"], entry.seq)
    _stamp(state, "impact_start", p.get("impact") or p["alert"], entry.seq)
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
        _withdraw(protocol, state, entry)
    if entry.payload.get("again"):
        state["impact"] = [*state["impact"], [entry.happened, None]]
        state["items"] = {}
    if entry.payload.get("review"):
        state["review"] = entry.payload["review"]


def _withdraw(protocol: Protocol, state: State, entry: Entry) -> None:
    """The impact is not over after all: its interval is open again and the window is void."""
    if state["impact"] and state["impact"][-1][1] is not None:
        state["impact"] = [*state["impact"][:-1], [state["impact"][-1][0], None]]
        state["impact_seq"] = entry.seq
    occurrences.end(protocol, state, protocol.clock["stabilisation"], "", entry.recorded)


@handles("impact.withdrawn")
def _withdrawn(protocol: Protocol, state: State, entry: Entry) -> None:
    _withdraw(protocol, state, entry)


@handles("impact.ended")
def _impact_ended(protocol: Protocol, state: State, entry: Entry) -> None:
    begun = state["impact"][-1][0] if state["impact"] else state["alert"]
    state["impact"] = [*state["impact"][:-1], [begun, entry.happened]]
    state["impact_seq"] = entry.seq


@handles("impact.started")
def _impact_started(protocol: Protocol, state: State, entry: Entry) -> None:
    at = entry.payload["at"]
    intervals = state["impact"]
    if entry.payload.get("again"):
        state["impact"] = [*intervals, [at, None]]
    else:
        state["impact"] = [[at, intervals[0][1] if intervals else None], *intervals[1:]]
        _stamp(state, "impact_start", at, entry.seq)


@handles("impact.stated")
def _impact(protocol: Protocol, state: State, entry: Entry) -> None:
    if entry.payload.get("users") or entry.payload.get("percent"):
        state["hit"] = True


@handles("scope.set")
def _scope(protocol: Protocol, state: State, entry: Entry) -> None:
    state["clients"] = entry.payload.get("clients") or []
    if state["clients"] and entry.by is not None:
        state["hit"] = True


@handles("alert_time.corrected")
def _corrected(protocol: Protocol, state: State, entry: Entry) -> None:
    was, to = state["alert"], entry.payload["to"]
    state["alert"] = to
    start = state["milestones"]["impact_start"]
    if start["at"] == was and start["seq"] == state["milestones"]["alert_fired"]["seq"]:
        _stamp(state, "impact_start", to, entry.seq)  # nobody has said when it began: with the alert
        state["impact"] = [[to, state["impact"][0][1]], *state["impact"][1:]]
    _stamp(state, "alert_fired", to, entry.seq)
    retiming.move_alert(protocol, state, was, to)


@handles("owner.named")
def _owner(protocol: Protocol, state: State, entry: Entry) -> None:
    state.update({"owner": entry.payload["user"], "owner_named": True})


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


@handles("seat.claimed", "seat.named", "seat.accepted")
def _seated(protocol: Protocol, state: State, entry: Entry) -> None:
    p = entry.payload
    claimed = entry.kind != "seat.named" or p["user"] == entry.by
    held = SeatState(user=p["user"], since=entry.happened, seq=entry.seq, claimed=claimed, acked=claimed)
    before = state["seats"].get(p["seat"])
    _seat(state, p["seat"], held)
    _left(protocol, state, p["seat"], before, entry)
    if p["seat"] == "ic":
        state["acks"] = []
    if not claimed:
        _call(protocol, state, entry, p["user"])


def _call(protocol: Protocol, state: State, entry: Entry, user: int) -> None:
    """Naming is the call: one clock, `joined` once there is a bridge, else the seat's acknowledgement."""
    there = state["bridge"] is not None and str(user) not in state["joined"]
    kind = "joined" if there else "seat"
    occurrences.start(protocol, state, protocol.clock[kind], str(user), entry, again=True)


@handles("seat.ended")
def _seat_ended(protocol: Protocol, state: State, entry: Entry) -> None:
    gone = state["seats"].get(entry.payload["seat"])
    state["seats"] = {seat: held for seat, held in state["seats"].items() if seat != entry.payload["seat"]}
    _left(protocol, state, entry.payload["seat"], gone, entry)


def _left(protocol: Protocol, state: State, seat: str, gone: SeatState | None, entry: Entry) -> None:
    """A seat has changed hands: who left owes nothing for it, and an offer of it is over."""
    if gone and not any(held["user"] == gone["user"] for held in state["seats"].values()):
        for kind in ("joined", "seat"):
            occurrences.end(protocol, state, protocol.clock[kind], str(gone["user"]), entry.happened)
    if state["offer"] and state["offer"]["seat"] == seat:
        state["offer"] = None


@handles("seat.offered")
def _offered(protocol: Protocol, state: State, entry: Entry) -> None:
    state["offer"] = {
        "seat": entry.payload["seat"],
        "to": entry.payload["user"],
        "by": entry.by,
        "seq": entry.seq,
    }


@handles("seat.declined")
def _declined(protocol: Protocol, state: State, entry: Entry) -> None:
    state["offer"] = None


@handles("seat.acknowledged")
def _seat_acknowledged(protocol: Protocol, state: State, entry: Entry) -> None:
    held = state["seats"].get(entry.payload["seat"])
    if held:
        _seat(state, entry.payload["seat"], {**held, "acked": True})


@handles("ic.away")
def _away(protocol: Protocol, state: State, entry: Entry) -> None:
    if "ic" in state["seats"]:
        _seat(state, "ic", {**state["seats"]["ic"], "away": True})


@handles("ic.back")
def _back(protocol: Protocol, state: State, entry: Entry) -> None:
    if "ic" in state["seats"]:
        _seat(state, "ic", {**state["seats"]["ic"], "away": False})


@handles("ic.acknowledged")
def _ic_acknowledged(protocol: Protocol, state: State, entry: Entry) -> None:
    if entry.by is not None and entry.by not in state["acks"]:
        state["acks"] = [*state["acks"], entry.by]


@handles("bridge.opened")
def _bridge(protocol: Protocol, state: State, entry: Entry) -> None:
    if state["bridge"] is not None:
        return
    state["bridge"] = entry.happened
    for held in state["seats"].values():
        if not held["claimed"] and str(held["user"]) not in state["joined"]:
            occurrences.end(protocol, state, protocol.clock["seat"], str(held["user"]), entry.happened)
            occurrences.start(protocol, state, protocol.clock["joined"], str(held["user"]), entry, again=True)


@handles("bridge.joined")
def _joined(protocol: Protocol, state: State, entry: Entry) -> None:
    user = entry.payload["user"]
    state["joined"] = {**state["joined"], str(user): entry.happened}
    for seat, held in state["seats"].items():
        if held["user"] == user:
            _seat(state, seat, {**held, "acked": True})


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


@handles("update.sent")
def _sent(protocol: Protocol, state: State, entry: Entry) -> None:
    state["sent"] = {**state["sent"], **dict.fromkeys(entry.payload["to"], entry.happened)}


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


def running(state: State) -> dict[str, Run]:
    """The runs that have an occurrence now."""
    return {key: run for key, run in state["clocks"].items() if run["now"] is not None}


def impact_over(state: State) -> bool:
    """Whether the last impact interval has an end."""
    return bool(state["impact"]) and state["impact"][-1][1] is not None


def incident_commander(state: State) -> int | None:
    """Who is IC now."""
    return holder(state, "ic")

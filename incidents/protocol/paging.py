"""Whom a page goes to next, and how long it waits for an answer (CLK-21, D-06)."""

from typing import cast

from incidentdesk.kernel.stamps import Stamp
from incidents.protocol import hours
from incidents.protocol.definition import Protocol
from incidents.protocol.state import Draft, PageState, State, force

RED = "red"


def run(state: State) -> list[PageState]:
    """The pages of the chain that runs: from the last one that began it. Pages by hand belong to none."""
    found: list[PageState] = []
    for number in sorted(state["pages"], key=int):
        page = state["pages"][number]
        if page["call"] == "chain" and page["level"] == 1:
            found = []
        if page["call"] != "hand":
            found.append(page)
    return found


def level(state: State) -> int:
    """How many people of the list the chain has called, counted from 1; 0 before the first page."""
    return max((page["level"] for page in run(state)), default=0)


def acknowledged(state: State) -> bool:
    """Whether anybody answered a page of the chain that runs."""
    return any("acked" in page for page in run(state))


def last_level(state: State) -> int:
    """How far down the list the chain goes: on SEV-3 only to the second person."""
    return min(2, len(state["ladder"])) if force(state) == 3 else len(state["ladder"])


def last_sent(state: State) -> Stamp | None:
    """When the last page of the chain that runs went out, or is to go out."""
    return max((page["at"] for page in run(state)), default=None)


def goes_out(state: State, now: Stamp) -> Stamp:
    """When a page made at `now` is sent: at once, on SEV-3 outside working hours at opening time."""
    if force(state) != 3:
        return now
    return hours.opening(now, state["business"], state["zone"])


def send_waiting(state: State, at: Stamp) -> None:
    """Pages that wait for opening time go out at `at`: the severity no longer waits for any."""
    waiting = {n: page for n, page in state["pages"].items() if page["at"] > at and "acked" not in page}
    if waiting:
        sent = {number: cast(PageState, {**page, "at": at}) for number, page in waiting.items()}
        state["pages"] = {**state["pages"], **sent}


def wait(protocol: Protocol, state: State) -> float | None:
    """Minutes until the chain goes on, or None where it ends here."""
    severity = force(state)
    if severity is None or severity not in protocol.policy["paging.step"]:
        return None
    if level(state) < last_level(state):
        return protocol.policy["paging.step"][severity]
    if not protocol.policy["paging.rounds"].get(severity):
        return None
    return protocol.policy["paging.last"][severity]


def next_call(protocol: Protocol, state: State) -> tuple[str, list[int]]:
    """What the chain does when its wait is over: (`chain`, one person), (`all`, everybody) or (`red`, nobody)."""
    severity = force(state)
    here = level(state)
    if here < last_level(state):
        return "chain", [state["ladder"][here]]
    rounds = int(protocol.policy["paging.rounds"].get(severity or 0, 0))
    if state["round"] < rounds and state["ladder"]:
        return "all", list(state["ladder"])
    return RED, []


def nobody(protocol: Protocol) -> Draft:
    """The entry for a list without anybody on it: red at once, as after a chain that nobody answered."""
    chain = next(clock.id for clock in protocol.clocks if clock.kind == "chain")
    return Draft("clock.step", {"clock": chain, "subject": "", "n": 0, "step": "next", "to": [], "call": RED})

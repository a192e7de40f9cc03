"""What the viewer may do here and now: for the buttons of the page. The flow decides again (RBAC-19, RBAC-21)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from desk.registry import every_act
from desk.visible import standing
from incidentdesk.kernel.errors import Block
from incidents.protocol import Act, Protocol, State, blockers
from incidents.protocol.state import ended, holder
from people.models import User
from people.rights import Column, Grant, Right, held_rights


def approvers(state: State, requester: int) -> list[int]:
    """Who answers for a change of this person now: the IC, else deputy, then managers of the list (APP-22)."""
    commander = state["seats"].get("ic")
    if commander is None:
        return [state["owner"]] if state["owner"] else []
    if not commander.get("away") and commander["user"] != requester:
        return [commander["user"]]
    deputy = holder(state, "deputy")
    chain = [*([deputy] if deputy else []), *state["managers"]]
    # Whoever is away answers for nothing, also where the commander is one of the managers.
    gone = commander["user"] if commander.get("away") else None
    return [user for user in dict.fromkeys(chain) if user not in (requester, gone)]


def grants(state: State, user: int) -> frozenset[Grant]:
    """What opens a P of the matrix for somebody at this moment."""
    found = set()
    if holder(state, "comms") is None:
        found.add(Grant.COMMS_SEAT_EMPTY)
    if not {"clients", "public"} & set(state["sent"]):
        found.add(Grant.FIRST_CLIENT_TEXT)
    if any(c["implementer"] == user and c["state"] == "approved" for c in state["changes"].values()):
        found.add(Grant.NAMED_IMPLEMENTER)
    return frozenset(found)


@dataclass(frozen=True)
class Standing:
    """One person before one incident at one instant."""

    protocol: Protocol
    state: State
    user: User
    now: datetime

    @cached_property
    def columns(self) -> frozenset[Column]:
        """The columns of the matrix."""
        return standing(self.user, self.state)

    @cached_property
    def rights(self) -> frozenset[Right]:
        """Every right held here."""
        return held_rights(self.columns, grants(self.state, self.user.pk))

    @cached_property
    def over(self) -> bool:
        """Whether the incident is resolved or closed."""
        return ended(self.state)

    @cached_property
    def closed(self) -> bool:
        """Whether the record is read-only."""
        return self.state["status"] == "closed"

    @cached_property
    def declared(self) -> bool:
        """Whether somebody has declared it."""
        return self.state["severity"] is not None

    def may(self, right: Right) -> bool:
        """Whether the person holds a right here."""
        return right in self.rights

    def blocks(self, kind: str, **fields: Any) -> tuple[Block, ...]:
        """Why an act would be refused now, the right apart."""
        asked = Act(kind, self.user.pk, frozenset(self.user.roles), fields)
        return tuple(blockers(self.protocol, self.state, asked, self.now))

    def free(self, kind: str, **fields: Any) -> bool:
        """Whether nothing stands against an act, the right apart."""
        return not self.blocks(kind, **fields)

    def runs(self, clock: str) -> bool:
        """Whether a clock without subjects runs now."""
        run = self.state["clocks"].get(clock)
        return run is not None and run["now"] is not None

    def answers(self, change: str) -> bool:
        """Whether this person is one of those who answer for a change."""
        return self.user.pk in approvers(self.state, self.state["changes"][change]["requester"])

    @cached_property
    def nouns(self) -> frozenset[str]:
        """The acts whose button the page shows."""
        known = every_act()
        return frozenset(
            noun
            for noun, (right, fits) in SHOWN.items()
            if noun in known and right in self.rights and fits(self)
        )


def _open(here: Standing) -> bool:
    return not here.closed


def _running(here: Standing) -> bool:
    return not here.over


SHOWN: dict[str, tuple[Right, Callable[[Standing], bool]]] = {
    "entries": (Right.POST, _open),
    "corrections": (Right.POST, _open),
    "theories": (Right.POST, _open),
    "changes": (Right.PROPOSE_CHANGE, _running),
    "done-changes": (Right.PROPOSE_CHANGE, _running),
    "severity": (Right.SET_SEVERITY, lambda here: here.declared and not here.over),
    "severity-proposals": (Right.PROPOSE_SEVERITY, lambda here: here.declared and not here.over),
    "owners": (Right.ASSIGN, _open),
    "alert-time": (Right.STATE_IMPACT, _open),
    "scope": (Right.STATE_IMPACT, _open),
    "impact": (Right.STATE_IMPACT, _open),
    "impact-starts": (Right.STATE_IMPACT, _open),
    "blast-radius": (Right.STATE_IMPACT, _open),
    "objectives": (Right.DECIDE, _open),
    "seats": (Right.CLAIM_SEAT, _running),
    "escalations": (Right.ESCALATE, _running),
    "bridge": (Right.OPEN_BRIDGE, lambda here: here.state["bridge"] is None and not here.over),
    "lead-notices": (
        Right.TELL_LEAD,
        lambda here: "lead_told" not in here.state["milestones"] and not here.over,
    ),
    "pages": (Right.PAGE, _running),
    "acknowledgements": (Right.ACKNOWLEDGE, _running),
    "checklist": (Right.TICK, _open),
    "moves": (Right.MOVE, _open),
    "reasons": (
        Right.POST,
        lambda here: not here.over and any(here.runs(clock.id) for clock in here.protocol.reasoned),
    ),
    "alert-ends": (Right.END_IMPACT, _running),
    "client-confirmations": (Right.POST, lambda here: not here.closed and bool(here.state["clients"])),
    "deliveries": (Right.SEND_INTERNAL, _open),
}

"""What one person may do in one incident at one instant: the one answer for page, API and flow.

Pure: a state, a person's id and roles, an instant. The matrix (`people.rights`) says which rights a column holds; here
stands which columns and grants the person has now, and why an act is refused.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Self

from incidentdesk.kernel.errors import Block
from incidents.protocol import Act, Protocol, State, blockers
from incidents.protocol.state import approvers, force, holder, seat_kind
from people.rights import Column, Grant, Right, columns, held_rights, may, refusal

_TO_START = ("proposed", "asked", "approved")  # what an unapproved one lacks is the approval: GATE-01 says so
_WAITING = ("proposed", "asked")
# Without an Incident Commander a refusal of these offers the seat (ROLE-04).
_LED = frozenset({Right.APPROVE_CHANGE, Right.RESOLVE, Right.MOVE, Right.SET_SEVERITY, Right.ASSIGN})
_GATES = {Right.RESOLVE: "GATE-05", Right.MOVE: "GATE-25", Right.IDENTIFY: "GATE-25", Right.CLOSE: "RBAC-08"}


@dataclass(frozen=True)
class Authority:
    """One person before one incident at one instant. `user` None is somebody who is nobody here."""

    protocol: Protocol
    state: State
    user: int
    roles: frozenset[str]
    now: datetime

    @classmethod
    def of(cls, protocol: Protocol, state: State, person: Any, now: datetime) -> Self:
        """The authority of a `people.User`."""
        return cls(protocol, state, person.pk, frozenset(person.roles), now)

    @cached_property
    def columns(self) -> frozenset[Column]:
        """The columns of the permission matrix in which the person stands."""
        state = self.state
        seats = [seat_kind(seat) for seat, held in state["seats"].items() if held["user"] == self.user]
        return columns(
            self.roles, seats, severity=force(state), is_owner=state["owner"] == self.user,
            has_ic=holder(state, "ic") is not None,
        )  # fmt: skip

    @cached_property
    def grants(self) -> frozenset[Grant]:
        """What opens a P of the matrix at this moment."""
        state = self.state
        found = set()
        if holder(state, "comms") is None:
            found.add(Grant.COMMS_SEAT_EMPTY)
        if state["options"].get("ic_may_send", False):
            found.add(Grant.IC_MAY_SEND)
        if not self._clients_were_told():
            found.add(Grant.FIRST_CLIENT_TEXT)
        if any(c["implementer"] == self.user and c["state"] in _TO_START for c in state["changes"].values()):
            found.add(Grant.NAMED_IMPLEMENTER)
        if self._in_chain():
            found.add(Grant.IN_CHAIN)
        return frozenset(found)

    def _clients_were_told(self) -> bool:
        """With `comms.public_counts` a public text is the first client text too."""
        sent = self.state["sent"]
        return "clients" in sent or ("public" in sent and self.state["options"].get("public_counts", True))

    def _in_chain(self) -> bool:
        """Whether the IC is away, or waits for an answer on a change of their own."""
        commander = self.state["seats"].get("ic")
        if commander is None:
            return False
        own = (
            c["requester"] == commander["user"] and c["state"] in _WAITING
            for c in self.state["changes"].values()
        )
        return bool(commander.get("away")) or any(own)

    @cached_property
    def rights(self) -> frozenset[Right]:
        """Every right held here and now, temporary ones included."""
        return held_rights(self.columns, self.grants)

    def may(self, right: Right) -> bool:
        """Whether the person holds a right here and now."""
        return may(right, self.columns, self.grants)

    def answers(self, change: str) -> bool:
        """Whether the person is one of those who answer for a change now."""
        known = self.state["changes"].get(change)
        return known is not None and self.user in approvers(
            self.state, known["requester"], major=known["major"]
        )

    def denial(self, right: Right | None, kind: str) -> Block | None:
        """The block that stands for a missing right, or None. Without an IC it offers the seat (ROLE-04)."""
        if right is None or self.may(right):
            return None
        if right in _LED and force(self.state) in (1, 2) and holder(self.state, "ic") is None:
            return Block("ROLE-04", f"Nobody is Incident Commander, so nobody can {right.act}. Take the seat first, or "
                         "page somebody who can.")  # fmt: skip
        rule = self.protocol.rules.get(kind)
        return Block(_GATES.get(right) or (rule.denied if rule else "RBAC-21"), refusal(right))

    def blocks(self, kind: str, **fields: Any) -> list[Block]:
        """Why an act of this kind would be refused now, the right apart."""
        return blockers(self.protocol, self.state, Act(kind, self.user, self.roles, fields), self.now)

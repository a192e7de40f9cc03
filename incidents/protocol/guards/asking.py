"""What a guard is asked, by whom, and the table of guards by their word."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from incidentdesk.kernel.errors import Block
from incidents.protocol.definition import Protocol
from incidents.protocol.state import ChangeState, State, force, holder, seat_kind


@dataclass(frozen=True)
class Act:
    """An act that somebody wants to do: its entry kind, the person, their roles in the organisation, its fields."""

    kind: str
    by: int | None
    roles: frozenset[str] = frozenset()
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ask:
    """What a guard looks at."""

    protocol: Protocol
    state: State
    act: Act
    now: datetime

    @property
    def major(self) -> bool:
        """Whether SEV-1 or SEV-2 is in force."""
        return force(self.state) in (1, 2)

    @property
    def change(self) -> ChangeState | None:
        """The change the act speaks of."""
        return self.state["changes"].get(str(self.act.fields.get("change")))


Guard = Callable[[Ask], Block | None]
GUARDS: dict[str, Guard] = {}


def guard(name: str) -> Callable[[Guard], Guard]:
    """Register the function behind a word of `needs`."""

    def register(function: Guard) -> Guard:
        GUARDS[name] = function
        return function

    return register


def standing(state: State, act: Act) -> frozenset[str]:
    """What a person is in this incident, in the words of the status table.

    On SEV-3 and SEV-4 without an IC the owner has the IC's rights (ROLE-30).
    """
    words = {seat_kind(seat) for seat, held in state["seats"].items() if held["user"] == act.by}
    if act.by is not None and act.by == state["owner"]:
        words.add("owner")
        if holder(state, "ic") is None and force(state) in (3, 4):
            words.add("ic")
    if act.by in state["ladder"]:
        words.add("ladder")
    if "manager" in act.roles:
        words.add("manager")
    return frozenset(words)

"""What the viewer may do here and now: for the buttons of the page. The flow decides again (RBAC-19, RBAC-21)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from desk.registry import every_act
from incidentdesk.kernel.errors import Block
from incidents.authority import Authority
from incidents.protocol import Protocol, State
from incidents.protocol.state import ended
from people.models import User
from people.rights import Right


@dataclass(frozen=True)
class Standing:
    """One person before one incident at one instant."""

    protocol: Protocol
    state: State
    user: User
    now: datetime

    @cached_property
    def who(self) -> Authority:
        """What the person may do here: the same answer that the flows and the API give."""
        return Authority.of(self.protocol, self.state, self.user, self.now)

    @property
    def rights(self) -> frozenset[Right]:
        """Every right held here."""
        return self.who.rights

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
        return tuple(self.who.blocks(kind, **fields))

    def can(self, noun: str, kind: str = "", *, gate: Mapping[str, Any] | None = None, **form: Any) -> bool:
        """Whether an act would be done now: the right that its flow asks for these fields, then the gates of `kind`."""
        if not self.allowed(noun, **form):
            return False
        return self.free(kind or every_act()[noun].kinds[0], **(form if gate is None else gate))

    def allowed(self, noun: str, **form: Any) -> bool:
        """Whether the person has the right that the act's flow asks for these fields of its form."""
        return every_act()[noun].denial(self.who, SimpleNamespace(**form)) is None

    def free(self, kind: str, **fields: Any) -> bool:
        """Whether nothing stands against an act, the right apart."""
        return not self.blocks(kind, **fields)

    def runs(self, clock: str) -> bool:
        """Whether a clock without subjects runs now."""
        run = self.state["clocks"].get(clock)
        return run is not None and run["now"] is not None

    def answers(self, change: str) -> bool:
        """Whether this person is one of those who answer for a change."""
        return self.who.answers(change)

    @cached_property
    def nouns(self) -> frozenset[str]:
        """The acts whose button the page shows."""
        return frozenset(noun for noun, button in SHOWN.items() if button.shown(noun, self))


def _always(here: Standing) -> bool:
    return True


@dataclass(frozen=True)
class Button:
    """When the page offers an act: where it would be done, and where it also makes sense to offer it (`also`).

    `form` are the fields on which its right depends, `kind` and `gate` what its flow asks the gates; nothing here refuses
    what a flow allows but for `also`, which only keeps a page short.
    """

    kind: str = ""
    form: Mapping[str, Any] = field(default_factory=dict)
    gate: Mapping[str, Any] = field(default_factory=dict)
    also: Callable[[Standing], bool] = _always

    def shown(self, noun: str, here: Standing) -> bool:
        """Whether the page shows it to this person now."""
        return self.also(here) and here.can(noun, self.kind, gate=self.gate, **self.form)


def _lead_is_not_told(here: Standing) -> bool:
    return "lead_told" not in here.state["milestones"] and not here.over


def _a_reason_is_due(here: Standing) -> bool:
    return any(here.runs(clock.id) for clock in here.protocol.reasoned)


def _clients_are_hit(here: Standing) -> bool:
    return bool(here.state["clients"])


SHOWN: dict[str, Button] = {
    "entries": Button("note"),
    "corrections": Button(),
    "theories": Button(),
    "changes": Button(),
    "done-changes": Button(),
    "severity": Button(),
    "severity-proposals": Button(),
    "owners": Button(),
    "alert-time": Button(),
    "scope": Button(),
    "impact": Button(),
    "impact-starts": Button(),
    "blast-radius": Button(),
    "objectives": Button(),
    "seats": Button("scope.set", {"person": None}, also=lambda here: not here.over),
    "escalations": Button(also=lambda here: not here.over),
    "bridge": Button(also=lambda here: not here.over),
    "lead-notices": Button(also=_lead_is_not_told),
    "pages": Button(),
    "checklist": Button(),
    "reasons": Button(also=_a_reason_is_due),
    "alert-ends": Button(),
    "client-confirmations": Button(also=_clients_are_hit),
    "deliveries": Button(),
}

"""A scenario as frozen values: who is there, who does what when, what must come of it (docs/scenarios.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from desk.replay.expectation import Expectation
from desk.replay.times import Calendar
from incidents.protocol import Protocol, parse

MONITORING = "monitoring"
OUTCOMES = ("done", "warned", "refused", "invalid")


class ScenarioError(ValueError):
    """The file cannot be run; `problems` holds one sentence for each fault."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Person:
    """One of the cast."""

    name: str
    roles: tuple[str, ...]
    team: str
    zone: str


@dataclass(frozen=True)
class Team:
    """A team and the order in which its people are paged."""

    name: str
    escalation: tuple[str, ...]
    manager: str
    zone: str
    holidays: tuple[date, ...]


@dataclass(frozen=True)
class Service:
    """An entry of the catalogue."""

    name: str
    team: str
    critical_path: bool
    core_revenue: bool
    revenue_per_hour: float
    bridge: str
    clients: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One act of one actor at one moment, and what it is expected to come to.

    `expect` left out ("") means done, with or without a warning. `gates` must all be among those that refuse;
    `headline` is the first of them; `says` stands in the sentence.
    """

    number: int
    line: int
    at: datetime
    actor: str
    act: str
    args: Mapping[str, Any]
    label: str = ""
    incident: int = 1
    expect: str = ""
    gates: tuple[str, ...] = ()
    headline: str = ""
    says: str = ""

    def place(self, calendar: Calendar) -> str:
        """Where a person finds it: `Step 4 (line 61, 02:52, Sarah, seats)`."""
        line = f"line {self.line}, " if self.line else ""
        return f"Step {self.number} ({line}{calendar.words(self.at)}, {self.actor}, {self.act})"


@dataclass(frozen=True)
class Scenario:
    """A whole file."""

    name: str
    calendar: Calendar
    until: datetime
    protocol_text: str
    people: tuple[Person, ...]
    teams: tuple[Team, ...]
    services: tuple[Service, ...]
    clients: tuple[str, ...]
    steps: tuple[Step, ...]
    checks: tuple[Expectation, ...]
    about: str = ""

    @property
    def protocol(self) -> Protocol:
        """The protocol of this run: the shipped one with the file's differences."""
        return parse(self.protocol_text)

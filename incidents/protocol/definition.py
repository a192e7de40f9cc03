"""A protocol as frozen values, read from TOML. `checks` says what is wrong with a file before it comes here."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

KINDS = ("once", "each", "cadence", "window", "chain")
HOURS = ("always", "business", "severity")
DOES = (
    "remind",
    "overdue",
    "unanswered",
    "page_next",
    "offer_declaration",
    "window_open",
)  # see desk/reactions.py
ClockKind = Literal["once", "each", "cadence", "window", "chain"]


class ProtocolError(ValueError):
    """The protocol file cannot be used; `problems` holds one sentence for each fault."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Pattern:
    """Entries of one kind, narrowed by payload fields; `*` is any act of a person."""

    kind: str
    where: tuple[tuple[str, frozenset[str]], ...] = ()
    setting: str = ""

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """Read `kind field=a|b @setting`."""
        kind, *rest = text.split()
        where = tuple(
            (name, frozenset(values.split("|")))
            for name, _, values in (word.partition("=") for word in rest if not word.startswith("@"))
        )
        setting = next((word[1:] for word in rest if word.startswith("@")), "")
        return cls(kind, where, setting)


@dataclass(frozen=True)
class Step:
    """What happens `at` protocol minutes from the due instant of a clock, and whom it tells."""

    name: str
    at: float
    do: str
    to: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Clock:
    """One clock of the protocol; `minutes` maps a severity to its limit, absent = no such clock."""

    id: str
    about: str
    label: str
    anchor: str
    rows: str
    kind: ClockKind
    minutes: Mapping[int, float]
    amber: float | None
    hours: str
    subject: str
    audience: str
    owes: str
    starts: tuple[Pattern, ...]
    meets: tuple[Pattern, ...]
    ends: tuple[Pattern, ...]
    again: tuple[Pattern, ...]
    prior: bool
    before: str
    strip: bool
    steps: tuple[Step, ...]

    def limit(self, severity: int | None) -> float | None:
        """Minutes allowed at a severity, or None where this clock does not apply."""
        return None if severity is None else self.minutes.get(severity)

    @cached_property
    def step_by_name(self) -> dict[str, Step]:
        """The steps by their names."""
        return {step.name: step for step in self.steps}


@dataclass(frozen=True)
class Severity:
    """One level of the scale in the words of its response row (SEV-01..10)."""

    level: int
    name: str
    meaning: str
    customers: str
    revenue: str
    response: str
    people: str
    communication: str
    roles: tuple[str, ...]
    hours: str


@dataclass(frozen=True)
class Move:
    """One row of the status table."""

    source: str
    to: str
    who: tuple[str, ...]
    needs: tuple[str, ...]
    severities: tuple[int, ...]


@dataclass(frozen=True)
class Rule:
    """What must hold before an act; `denied` is the id a refusal for lack of right carries."""

    act: str
    denied: str
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Item:
    """One line of a checklist that people tick."""

    id: str
    text: str


@dataclass(frozen=True, eq=False)
class Protocol:
    """A whole protocol. Compare and cache by `digest` of its text, not by value."""

    name: str
    policy: Mapping[str, Mapping[int, float]]
    settings: Mapping[str, Any]
    severities: Mapping[int, Severity]
    clocks: tuple[Clock, ...]
    moves: Mapping[tuple[str, str], Move]
    rules: Mapping[str, Rule]
    milestones: Mapping[str, tuple[Pattern, ...]]
    checklists: Mapping[str, tuple[Item, ...]]
    interest: Mapping[str, tuple[Clock, ...]] = field(repr=False)
    stamps: Mapping[str, tuple[tuple[str, Pattern], ...]] = field(repr=False)

    def figure(self, key: str, severity: int | None = None) -> float:
        """The figure of a policy key; a scalar holds for every severity."""
        table = self.policy[key]
        return table.get(severity or 1, next(iter(table.values())))

    def setting(self, key: str) -> Any:
        """The value of a setting; that of the shipped protocol where this one is older than the setting."""
        return self.settings[key] if key in self.settings else parse(default_text()).settings[key]

    @cached_property
    def clock(self) -> dict[str, Clock]:
        """The clocks by id."""
        return {clock.id: clock for clock in self.clocks}

    @cached_property
    def reasoned(self) -> tuple[Clock, ...]:
        """The clocks that a reason answers (CLK-17), by the pattern `reason clock=<id>`."""
        named = {
            word
            for clock in self.clocks
            for pattern in clock.meets
            if pattern.kind == "reason"
            for name, words in pattern.where
            if name == "clock"
            for word in words
        }
        return tuple(clock for clock in self.clocks if clock.id in named)

    @cached_property
    def order(self) -> dict[str, int]:
        """Where a clock stands in the file; what falls due at one instant is done in that order."""
        return {clock.id: place for place, clock in enumerate(self.clocks)}


def _figures(value: Any) -> dict[int, float]:
    if isinstance(value, dict):
        return {int(name.removeprefix("sev")): float(minutes) for name, minutes in value.items()}
    return {level: float(value) for level in (1, 2, 3, 4)}


def _patterns(raw: Mapping[str, Any], name: str) -> tuple[Pattern, ...]:
    return tuple(Pattern.parse(text) for text in raw.get(name, ()))


def _steps(raw: list[dict[str, Any]]) -> tuple[Step, ...]:
    return tuple(Step(step["name"], float(step["at"]), step["do"], tuple(step["to"])) for step in raw)


def _clock(
    raw: Mapping[str, Any], data: Mapping[str, Any], policy: Mapping[str, Mapping[int, float]]
) -> Clock:
    kind = raw["kind"]
    fallback = data["cadence"]["steps"] if kind == "cadence" else data["overdue"]["steps"]
    amber = raw.get("amber")
    return Clock(
        id=raw["id"],
        about=raw.get("about", ""),
        label=raw["label"],
        anchor=raw["anchor"],
        rows=raw.get("rows", ""),
        kind=kind,
        minutes=policy[raw["minutes"]],
        amber=None if amber is None else next(iter(policy[amber].values())),
        hours=raw.get("hours", "always"),
        subject=raw.get("subject", ""),
        audience=raw.get("audience", ""),
        owes=raw.get("owes", "ic"),
        starts=_patterns(raw, "starts"),
        meets=_patterns(raw, "meets"),
        ends=_patterns(raw, "ends"),
        again=_patterns(raw, "again"),
        prior=raw.get("prior", False),
        before=raw.get("before", ""),
        strip=raw.get("strip", False),
        steps=_steps(raw.get("steps", fallback)),
    )


def _interest(clocks: tuple[Clock, ...]) -> dict[str, tuple[Clock, ...]]:
    """Which clocks an entry of a kind can touch, so that a fold looks at few."""
    touched: dict[str, dict[str, Clock]] = {}
    for clock in clocks:
        for pattern in (*clock.starts, *clock.meets, *clock.ends, *clock.again):
            touched.setdefault(pattern.kind, {})[clock.id] = clock
    return {kind: tuple(found.values()) for kind, found in touched.items()}


def _moves(data: Mapping[str, Any]) -> dict[tuple[str, str], Move]:
    return {
        (source, raw["to"]): Move(
            source,
            raw["to"],
            tuple(raw["who"]),
            tuple(raw["needs"]),
            tuple(raw.get("severities", (1, 2, 3, 4))),
        )
        for raw in data["step"]
        for source in raw["from"]
    }


def _stamps(data: Mapping[str, Any]) -> dict[str, tuple[tuple[str, Pattern], ...]]:
    index: dict[str, list[tuple[str, Pattern]]] = {}
    for name, texts in data["milestones"].items():
        for pattern in map(Pattern.parse, texts):
            index.setdefault(pattern.kind, []).append((name, pattern))
    return {kind: tuple(found) for kind, found in index.items()}


@lru_cache(maxsize=32)
def parse(text: str) -> Protocol:
    """Read a protocol from TOML that was checked when it was loaded (`checks.check`). The same text again is free."""
    data = tomllib.loads(text)
    policy = {key: _figures(value) for key, value in data["policy"].items()}
    clocks = tuple(_clock(raw, data, policy) for raw in data["clock"])
    return Protocol(
        name=data["name"],
        policy=policy,
        settings=data["settings"],
        severities={
            raw["level"]: Severity(**{**raw, "roles": tuple(raw["roles"])}) for raw in data["severity"]
        },
        clocks=clocks,
        moves=_moves(data),
        rules={raw["act"]: Rule(raw["act"], raw["denied"], tuple(raw["needs"])) for raw in data["act"]},
        milestones={name: tuple(map(Pattern.parse, texts)) for name, texts in data["milestones"].items()},
        checklists={
            name: tuple(Item(raw["id"], raw["text"]) for raw in items)
            for name, items in data["checklists"].items()
        },
        interest=_interest(clocks),
        stamps=_stamps(data),
    )


def default_text() -> str:
    """The protocol that ships with the product, as TOML."""
    return (Path(__file__).parent / "default.toml").read_text(encoding="utf-8")

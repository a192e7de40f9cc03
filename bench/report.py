"""Rows of figures, their goals and what became of them: printed as they come, written to docs/performance.md at the end."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench import machine

_HEAD = """# Performance, measured

`make bench` writes this page. Server and client run on different cores; every case runs once in every round, so that all
of them meet the same machine, and what counts is the ratio to the bare view of the same round: a Django view of two bytes
behind no middleware, by the same server command on the same core. One core does all the serving: web, PostgreSQL, Valkey,
worker, beat and keeper together. The figures are those of one run and good for comparison within it alone.

- Machine: {words}. Processes that wanted a core at the start: {load:.1f}, those of the bench not yet among them.
- {rounds} rounds of {seconds:g} s a case{short}.
- The processes are those of `manage.py desk` as shipped, with one web process, since one core serves; added is an urlconf
  with two views to compare with (`bench/settings.py`).

| row | what | goal | min | median | max | |
|---|---|---|---|---|---|---|
"""


@dataclass
class Row:
    """One figure beside its goal. `least` and `most` are the limits; with neither it is told for comparison."""

    goal: str
    what: str
    values: Sequence[float]
    unit: str = ""
    least: float | None = None
    most: float | None = None
    aim: str = ""

    @property
    def kept(self) -> bool | None:
        """Whether the median keeps the goal; None where there is none."""
        middle = statistics.median(self.values)
        if self.least is not None:
            return middle >= self.least
        return None if self.most is None else middle <= self.most

    @property
    def wanted(self) -> str:
        """The goal in words."""
        if self.least is not None:
            return f">= {self.least:g}{self.unit}{self.aim}"
        return f"<= {self.most:g}{self.unit}{self.aim}" if self.most is not None else "-"

    def cells(self) -> tuple[str, ...]:
        """The row as it is shown."""
        figures = (min(self.values), statistics.median(self.values), max(self.values))
        verdict = {True: "kept", False: "**SHORT**", None: ""}[self.kept]
        return (
            self.goal,
            self.what,
            self.wanted,
            *(f"{_figure(each)}{self.unit}" for each in figures),
            verdict,
        )


@dataclass
class Report:
    """All rows of a run, and sentences that belong to it."""

    rounds: int
    seconds: float
    short: bool
    load: float = field(default_factory=machine.load)
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *rows: Row) -> None:
        """Print and keep."""
        for row in rows:
            self.rows.append(row)
            print("  ".join(row.cells()).replace("**", ""), flush=True)

    def note(self, sentence: str) -> None:
        """A sentence below the table."""
        self.notes.append(sentence)
        print(f"  {sentence}", flush=True)

    def text(self) -> str:
        """The page."""
        head = _HEAD.format(
            words=machine.words(), load=self.load, rounds=self.rounds, seconds=self.seconds,
            short=", shortened by BENCH_SHORT=1" if self.short else "",
        )  # fmt: skip
        table = "\n".join("| " + " | ".join(row.cells()) + " |" for row in self.rows)
        lacking = [row for row in self.rows if row.kept is False]
        ending = "Every goal that was measured is kept." if not lacking else "Short of their goals: " + "; ".join(
            f"{row.goal} ({row.what})" for row in lacking) + "."  # fmt: skip
        return head + table + f"\n\n{ending}\n\n" + "\n".join(f"- {note}" for note in self.notes) + "\n"


def _figure(value: float) -> str:
    if value == 0 or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"

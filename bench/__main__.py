"""`make bench`: everything, or with `ARGS="--only G1,G5"` some of it. BENCH_SHORT=1 makes rounds and bursts smaller."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

from bench import changed, house, idle, machine, stage, timers, web
from bench.report import Report, Row
from tests.running import ROOT, Running

PAGE = ROOT / "docs" / "performance.md"
KEYS = ("G13", "G14", "G15", "G1", "G2", "G3", "G4", "G5", "G6", "G7", "G8", "G10", "G12")
WORK = "the same by processor time, web and database"
PING = 0.028  # what the nearest peer's ping reached beside the bare view


def main() -> None:
    """Measure, print, write the page."""
    asked = argparse.ArgumentParser(prog="python -m bench")
    asked.add_argument(
        "--only", default=",".join(KEYS), help="rows to measure, such as G1,G5; the page is not written then"
    )
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--seconds", type=float, default=0.0, help="how long each case runs in a round")
    given = asked.parse_args()
    short = os.environ.get("BENCH_SHORT") == "1"
    wanted = set(given.only.split(","))
    report = Report(given.rounds, given.seconds or (1.0 if short else 3.0), short)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="desk-bench-") as folder:
        Path(folder).chmod(0o711)
        _measure(Path(folder) / "data", wanted, report)
    if wanted >= set(KEYS):
        PAGE.write_text(report.text())
        print(f"Written to {PAGE.relative_to(ROOT)}.")


def _measure(data: Path, wanted: set[str], report: Report) -> None:
    allowed = machine.cores()
    data.mkdir(mode=0o711)
    if "G13" in wanted:
        _rest(data, report)
    if "G14" in wanted:
        _crowd(report)
    if "G15" in wanted:
        _storm(report)
    core, own = (allowed[0], allowed[1]) if len(allowed) > 1 else (None, None)
    desk = house.start(Running(data_dir=data, WEB_WORKERS="1", DJANGO_SETTINGS_MODULE="bench.settings"), core)
    try:
        if own is not None:
            os.sched_setaffinity(0, {own})
        stage.connect(desk)
        desk.start_bare()
        visitor = stage.sign_in("sarah.okafor@northline.example")
        _web(desk, visitor, wanted, report)
        if "G12" in wanted:
            _changed(desk, visitor, report)
        _timers(desk, wanted, report)
    finally:
        os.sched_setaffinity(0, allowed)
        desk.close()


def _rest(data: Path, report: Report) -> None:
    running = Running(data_dir=data, WEB_WORKERS=str(os.cpu_count() or 1))
    start = idle.starts(running, rounds=2 if report.short else 3)
    desk = house.start(running, None)
    try:
        rest = idle.rest(desk, stretches=1 if report.short else 3, seconds=30)
    finally:
        running.interrupt()
    report.add(
        Row("G13", "ready, cold: a new data folder, packages there", [start.cold], " s", most=20),
        Row("G13", "ready, warm", start.warm, " s", most=8),
        Row("G13", "memory of all processes together, idle (PSS)", [rest.memory], " MiB", most=700),
        Row("G13", "processor of all processes together, idle, of one core", rest.cpu, " %", most=4),
    )
    parts = ", ".join(f"{name} {size:.0f}" for name, size in rest.parts.items())
    report.note(f"Memory by part in MiB, {rest.processes} processes in all: {parts}.")


def _crowd(report: Report) -> None:
    count, seconds = (500, 20) if report.short else (1_000, 60)
    found = _apart("viewers", count, seconds)
    words = f"{count:,} viewers of one room, a poll each 3 s, an act a second, on all cores"
    ms = 1000.0
    report.add(
        Row("-", f"{words}: half of the polls within", [found["p50"] * ms], " ms"),
        Row("G14", f"{words}: 95 of 100 polls within", [found["p95"] * ms], " ms", most=300),
        Row("G14", "the same: 99 of 100 polls within", [found["p99"] * ms], " ms", most=800),
        Row(
            "G14", "the same: a new line on the last of their screens after", [found["latest"]], " s", most=5
        ),
        Row("G14", "the same: polls and acts refused or failed", [float(found["refused"])], most=0),
        Row("-", "the same: 95 of 100 acts within", [found["act"] * ms], " ms"),
        Row("-", "the same: cores that all processes of the desk used", [found["cores"]]),
        Row("G14", f"{2 * count:,} such viewers: an alert taken in within", found["alerts"], " s", most=0.3),
        Row("G14", "the same: polls refused or failed", [float(found["refused_more"])], most=0),
        Row("G14", "3,000 idle connections: /readyz within", found["idle_ready"], " s", most=1),
        Row("G14", "the same: an alert taken in within", found["idle_alert"], " s", most=1),
    )


def _storm(report: Report) -> None:
    count = 2_000 if report.short else 10_000
    found = _apart("storm", count, 0)
    report.add(
        Row(
            "G15",
            f"{count:,} new critical alerts in 50 groups taken in within",
            [found["seconds"]],
            " s",
            most=30,
        ),
        Row("G15", "the same: 99 of 100 answered within", [found["p99"] * 1000], " ms", most=300),
        Row("G15", "the same: the first page left after", [found["first"]], " s", most=10),
        Row("G15", "the same: pages to one person within a minute, at most", [float(found["most"])], most=1),
    )
    report.note(f"Pages of the storm in all: {found['pages']}.")


def _apart(what: str, count: int, seconds: float) -> dict[str, Any]:
    """Measured in a process of its own, whose Django speaks to another desk than that of the other rows."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.crowd", what, str(count), str(seconds)],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return cast("dict[str, Any]", json.loads(done.stdout.splitlines()[-1]))


def _web(desk: house.Desk, visitor: stage.Visitor, wanted: set[str], report: Report) -> None:
    cases = [web.bare()]
    makers = {
        ("G1", "G2"): web.polls,
        ("G3",): web.appends,
        ("G4",): lambda _: web.alerts(),
        ("G10",): web.pages,
    }
    made = {keys[0]: make(visitor) for keys, make in makers.items() if wanted & set(keys)}
    if not made:
        return
    for more in made.values():
        cases += more
    web.interleave(desk, cases, rounds=report.rounds, seconds=report.seconds)
    report.add(Row("-", "bare view, the yardstick", cases[0].rates, "/s"))
    if "G1" in made:
        behind, poll, naive = made["G1"]
        times = [fast / slow for fast, slow in zip(poll.rates, naive.rates, strict=True)]
        report.add(
            Row("-", f"{behind.name}, of bare", behind.ratios),
            Row("G1", f"{poll.name}, of bare", poll.ratios, least=0.30),
            Row("-", WORK, web.by_cost(poll, cases[0])),
            Row("G1", "the same, beside the naive poll", times, "x", least=15),
            Row("G2", "the same, processor time of the web a request", poll.cpu, " ms", most=0.25),
            Row("-", f"{naive.name}, of bare", naive.ratios),
        )
    if "G3" in made:
        rooms, one = made["G3"]
        report.add(
            Row("G3", f"{rooms.name}, of bare", rooms.ratios, least=0.02, aim=", aim 0.04"),
            Row("-", WORK, web.by_cost(rooms, cases[0])),
            Row("G3", "the same, 99 of 100 answered within", rooms.p99, " ms", most=50),
            Row("-", f"{one.name}, of bare", one.ratios),
            Row("-", "the same, 99 of 100 answered within", one.p99, " ms"),
            Row("-", "the same, acts a second", one.rates, "/s"),
        )
        seen = web.is_seen_at_once(desk, visitor)
        report.note(f"A new line is on another screen at its next poll: {'yes' if seen else 'NO'}.")
    if "G4" in made:
        fresh, again = made["G4"]
        report.add(
            Row("G4", f"{fresh.name}, of bare", fresh.ratios, least=0.10),
            Row("-", WORK, web.by_cost(fresh, cases[0])),
            Row(
                "G4", f"{again.name}, of bare (4 times the nearest peer's ping)", again.ratios, least=4 * PING
            ),
        )
    if "G10" in made:
        for case in made["G10"]:
            report.add(Row("G10", f"{case.name}, whole page", case.rates, "/s", least=80))


def _changed(desk: house.Desk, visitor: stage.Visitor, report: Report) -> None:
    found = changed.measure(desk, visitor, rounds=report.rounds, seconds=report.seconds)
    few, many = found.statements[50], found.statements[5_000]
    report.add(
        Row("-", "act of one entry, processor time of web and database", found.act, " ms"),
        Row("-", "poll that finds it, processor time of web and database", found.poll, " ms"),
        Row("G12", "the poll beside the act", found.ratio, "x", most=4),
        Row(
            "G12", "statements of that poll at 5,000 entries, beyond those at 50", [float(many - few)], most=0
        ),
    )
    report.note(f"Statements of a poll with one new entry: {few} at 50 entries, {many} at 5,000.")


def _timers(desk: house.Desk, wanted: set[str], report: Report) -> None:
    if "G5" in wanted:
        count = 2_000 if report.short else 5_000
        for kind, words in (("chain", "the next person is paged"), ("remind", "an update is due soon")):
            runs = [timers.throughput(desk, kind, count) for _ in range(report.rounds)]
            report.add(Row("G5", f"deadlines done by one process: {words}", [run["rate"] for run in runs], "/s",
                           least=3_000, aim=", aim 10,000"))  # fmt: skip
            report.add(
                Row("-", "the same, a second of processor time", [run["per_core"] for run in runs], "/s")
            )
    if "G6" in wanted:
        for words, workers, kill in (
            ("one worker", 1, False),
            ("two workers", 2, False),
            ("one worker, killed midway", 1, True),
        ):
            _burst(
                desk, report, "G6", f"5,000 due at once, {words}", 5_000, 0.0, 2.0, workers=workers, kill=kill
            )
    if "G7" in wanted:
        count, within = (2_500, 15.0) if report.short else (10_000, 60.0)
        _burst(desk, report, "G7", f"{count:,} due at random within {within:.0f} s", count, within, 0.5)
    if "G8" in wanted:
        many = 100_000 if report.short else 1_000_000
        found = timers.idle(desk, many=many, rounds=report.rounds)
        ratios = [much / little for much, little in zip(found["many"], found["few"], strict=True)]
        report.add(
            Row("G8", f"tick without work, {many:,} deadlines waiting", found["many"], " ms", most=1),
            Row("-", "the same, 1,000 waiting", found["few"], " ms"),
            Row("G8", "the one beside the other", ratios, "x", most=2),
        )


def _burst(
    desk: house.Desk, report: Report, goal: str, words: str, count: int, within: float, most: float, *,
    workers: int = 1, kill: bool = False,
) -> None:  # fmt: skip
    found = timers.burst(desk, "remind", count, within=within, workers=workers, kill=kill)
    report.add(
        Row("-", f"{words}: half of them late by", [found.late(0.5)], " s"),
        Row(goal, f"{words}: 99 of 100 late by at most", [found.late(0.99)], " s", most=most),
        Row(goal, f"{words}: lost or done twice", [float(found.lost + found.twice)], most=0),
    )


if __name__ == "__main__":
    main()

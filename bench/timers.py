"""Cases about time: how many deadlines one worker does, how late they are in a burst, what a tick costs when nothing is due."""

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from bench import machine, stage
from bench.house import Desk
from tests.running import ROOT


def throughput(desk: Desk, kind: str, count: int) -> dict[str, float]:
    """Let one process do `count` deadlines that are due, everybody else being held; deadlines a second."""
    from incidentdesk.kernel import clock

    with desk.frozen():
        ids = stage.clones(kind, due=clock.now() - timedelta(seconds=1), late=[0.0] * (count + WARM))
        try:
            servers = desk.pids("postgres")
            before = machine.cpu(servers)
            done = json.loads(desk.ticker("sweep"))
            done["postgres"] = machine.cpu(desk.pids("postgres")) - before
        finally:
            stage.close(ids)
    if done["done"] < count:
        raise RuntimeError(f"{done['done']} of {count} deadlines were done.")
    return {
        "rate": done["done"] / done["seconds"],
        "per_core": done["done"] / (done["cpu"] + done["postgres"]),
        **done,
    }


WARM = 35


@dataclass
class Burst:
    """How late the deadlines of a burst were, in seconds, and whether each was done exactly once."""

    lateness: list[float] = field(default_factory=list)
    lost: int = 0
    twice: int = 0
    kills: int = 0

    def late(self, share: float) -> float:
        """The lateness that this share kept."""
        ordered = sorted(self.lateness)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")


def burst(desk: Desk, kind: str, count: int, *, within: float, workers: int = 1, kill: bool = False) -> Burst:
    """`count` deadlines due at random within so many seconds (0: all at one instant), done by the desk's own processes.

    An entry counts from the moment another connection can read it. With `kill` the worker gets SIGKILL at a third.
    """
    from incidentdesk.kernel import clock

    second = _second_worker(desk) if workers > 1 else None
    random.seed(count)
    offsets = [random.random() * within for _ in range(count)] if within else [0.0] * count
    due = clock.now() + timedelta(seconds=8 + count / 800)
    ids = stage.clones(kind, due=due, late=offsets)
    dues = {incident: due + timedelta(seconds=late) for incident, late in zip(ids, offsets, strict=True)}
    stage.vacuum(desk)
    ahead = (due - clock.now()).total_seconds()
    if ahead < 0.5:
        raise RuntimeError("The rows were not there in time; the machine is too busy to measure.")
    time.sleep(max(0.0, ahead - 0.2))
    try:
        return _watch(desk, kind, dues, due + timedelta(seconds=within + 40), kill)
    finally:
        stage.close(ids)
        if second is not None:
            os.killpg(second.pid, signal.SIGTERM)
            second.wait(20)


_SEEN = """
SELECT e.id, e.incident_id, clock_timestamp() FROM incidents_timelineentry e
WHERE e.id > %b AND e.kind = 'clock.step' AND e.payload ->> 'step' = %b
"""


def _watch(desk: Desk, kind: str, dues: dict[int, datetime], until: datetime, kill: bool) -> Burst:
    from incidentdesk.kernel import sql

    result, seen, counts = Burst(), set[int](), Counter[int]()
    step = stage.STEP[kind][1]
    (mark,) = sql.run("SELECT coalesce(max(id), 0) FROM incidents_timelineentry")[0]
    first = mark
    while len(counts) < len(dues):
        rows = sql.run(_SEEN, [mark, step])
        for entry, incident, at in rows:
            if entry in seen or incident not in dues:
                continue
            seen.add(entry)
            counts[incident] += 1
            result.lateness.append(max(0.0, (at - dues[incident]).total_seconds()))
        if rows:
            # Numbers are given before the commit: look back far enough for whoever commits later.
            mark = max(first, max(row[0] for row in rows) - 4_000)
        if kill and not result.kills and len(counts) >= len(dues) / 3:
            desk.running.kill("worker")
            result.kills += 1
        (now,) = sql.run("SELECT clock_timestamp()")[0]
        if now > until:
            break
        time.sleep(0.025)
    time.sleep(1.5)
    for entry, incident, _ in sql.run(_SEEN, [first, step]):
        if incident in dues and entry not in seen:
            counts[incident] += 1
    result.lost = len(dues) - len(counts)
    result.twice = sum(number > 1 for number in counts.values())
    return result


def _second_worker(desk: Desk) -> "subprocess.Popen[bytes]":
    """Another worker by the command and the environment of the first."""
    pid = desk.running.pid("worker")
    command = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    lines = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    process = subprocess.Popen(
        [*command, b"--hostname", b"second@bench"], env=dict(line.split(b"=", 1) for line in lines if b"=" in line),
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    if desk.core is not None:
        machine.pin([process.pid], desk.core)
    time.sleep(4)
    return process


_PARK = """
INSERT INTO incidents_deadline (incident_id, clock, subject, occurrence, step, due_at, state, driven, last_error)
SELECT %b, 'ack', '', n, 'overdue', now() + interval '30 days' + n * interval '1 second', 'armed', false, ''
FROM generate_series(%b::int, %b::int) n
"""


def idle(desk: Desk, *, few: int = 1_000, many: int = 1_000_000, rounds: int = 5) -> dict[str, list[float]]:
    """What one tick costs with `few` and with `many` deadlines waiting, in ms; a median a round."""
    import psycopg

    from incidentdesk.kernel import sql

    incident, _ = stage.room(0, severity=4)
    found: dict[str, list[float]] = {"few": [], "many": []}
    with desk.frozen(), psycopg.connect(desk.running.database_url(), autocommit=True) as connection:
        connection.execute("SET statement_timeout = 0")
        for name, first, last in (("few", 1, few), ("many", few + 1, many)):
            connection.execute(_PARK, [incident, first, last])
            stage.vacuum(desk)
            desk.ticker("idle", "20")
            for _ in range(rounds):
                found[name].append(json.loads(desk.ticker("idle", "200"))["median"])
        connection.execute("DELETE FROM incidents_deadline WHERE incident_id = %b", [incident])
    stage.vacuum(desk)
    sql.run("UPDATE incidents_incident SET status = 'closed' WHERE id = %b", [incident])
    return found

"""What the desk takes by itself: how long until it is ready, how much memory, how much processor when nobody is there."""

import time
from dataclasses import dataclass

from bench import house, machine
from bench.house import Desk
from tests.running import Running


@dataclass
class Start:
    """Seconds from the command to the first answer, of a new data folder and of a known one."""

    cold: float
    warm: list[float]


def starts(running: Running, *, rounds: int) -> Start:
    """Start and stop it; the first time everything is made: cluster, tables, static files, demonstration."""
    took = []
    for _ in range(1 + rounds):
        began = time.monotonic()
        house.start(running, None)
        took.append(time.monotonic() - began)
        running.interrupt()
    return Start(took[0], took[1:])


@dataclass
class Rest:
    """Processes, MiB of memory (PSS) together, and the share of one core in percent, a figure a stretch."""

    processes: int
    memory: float
    cpu: list[float]
    parts: dict[str, float]


def rest(desk: Desk, *, stretches: int, seconds: float) -> Rest:
    """Watch the idle desk."""
    time.sleep(5)
    cpu = []
    names = ("web", "worker", "beat", "keeper", "postgres", "valkey")
    for _ in range(stretches):
        before = machine.cpu(desk.all_pids())
        time.sleep(seconds)
        cpu.append((machine.cpu(desk.all_pids()) - before) / seconds * 100)
    pids = desk.all_pids()
    parts = {name: machine.pss(desk.pids(name)) for name in names}
    return Rest(len(pids), machine.pss(pids), cpu, parts)

"""The desk under measurement: `manage.py desk` on a fresh data folder, pinned to one core, and the yardstick beside it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import machine
from incidentdesk.kernel.embedded.valkey import free_port
from tests.running import ROOT, Running

HELPERS = ("beat", "worker", "keeper")


class Desk:
    """A running desk with shipped settings; only the two views to compare with are added."""

    def __init__(self, running: Running, core: int | None) -> None:
        self.running, self.core = running, core
        self.port = running.port
        self._bare: subprocess.Popen[bytes] | None = None
        self.bare_port = 0

    def pids(self, name: str) -> list[int]:
        """One part and everything it started."""
        return machine.tree(self.running.pid(name))

    def all_pids(self) -> list[int]:
        """The supervisor and everything below it."""
        assert self.running.process is not None
        return machine.tree(self.running.process.pid)

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Hold these parts (without names: all that tick or deliver), so that nothing but what is measured runs."""
        held = [pid for name in names or HELPERS for pid in self.pids(name)]
        for pid in self.pids("beat"):
            os.kill(pid, signal.SIGSTOP)
        time.sleep(1.2)  # what was rung for last is done
        for pid in held:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in {*held, *self.pids("beat")}:
                os.kill(pid, signal.SIGCONT)

    def start_bare(self) -> None:
        """The same server command with the same environment on another port, serving a view behind no middleware."""
        web = self.running.pid("web")
        command = Path(f"/proc/{web}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        given = dict(
            line.split(b"=", 1)
            for line in Path(f"/proc/{web}/environ").read_bytes().split(b"\0")
            if b"=" in line
        )
        given[b"DJANGO_SETTINGS_MODULE"] = b"bench.bare"
        self.bare_port = free_port()
        command[command.index(b"--port") + 1] = str(self.bare_port).encode()
        command[-1] = b"bench.rsgi:application"
        log = (self.running.data_dir / "log" / "bare.log").open("ab")
        self._bare = subprocess.Popen(
            command, env=given, cwd=ROOT, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.bare_port)) == 0:
                    break
            time.sleep(0.1)
        if self.core is not None:
            machine.pin(machine.tree(self._bare.pid), self.core)

    def bare_pids(self) -> list[int]:
        """The yardstick's processes."""
        return machine.tree(self._bare.pid) if self._bare else []

    def close(self) -> None:
        """Stop everything."""
        if self._bare is not None:
            os.killpg(self._bare.pid, signal.SIGTERM)
            self._bare.wait(15)
        self.running.close()

    def ticker(self, *arguments: str) -> str:
        """Run `python -m bench.ticker` against this desk on the server's core; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "bench.ticker", *arguments], cwd=ROOT, env=self.environment(), text=True,
            capture_output=True, check=False, preexec_fn=self._on_core,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return done.stdout

    def _on_core(self) -> None:
        if self.core is not None:
            os.sched_setaffinity(0, {self.core})

    def environment(self) -> dict[str, str]:
        """What a command of this desk is told."""
        lines = (self.running.data_dir / "run" / "desk.env").read_text().splitlines()
        told = dict(line.split("=", 1) for line in lines)
        return {**self.running.environment, **told, "DATA_DIR": str(self.running.data_dir)}


def start(running: Running, core: int | None) -> Desk:
    """Start it on that core (all cores with None): children inherit where their parent may run."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        running.start()
    finally:
        os.sched_setaffinity(0, before)
    return Desk(running, core)

"""A whole desk as it ships, in a folder of its own: `manage.py desk` with its real processes, for tests that kill them."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Final

import httpx

from incidentdesk.kernel.embedded.valkey import free_port

ROOT: Final = Path(__file__).resolve().parent.parent
NAMES: Final = ("postgres", "valkey", "web", "worker", "beat", "keeper")
MOST_IN_LINE: Final = 5
_GREETING: Final = "Ctrl-C stops everything"
_OURS: Final = ("DATABASE_", "REDIS_", "DESK_", "DATA_DIR", "BASE_URL", "DEMO", "PORT", "HOST")


class Running:
    """One desk. Its environment is that of a new user, plus what the test sets."""

    def __init__(self, *, data_dir: Path | None = None, **environment: str) -> None:
        self._made = None if data_dir else Path(tempfile.mkdtemp(prefix="desk-run-"))
        if self._made:
            self._made.chmod(0o711)  # as root the servers run as somebody else, who must come through
        self.data_dir = (data_dir or self._made or Path()).resolve()
        self.port = int(environment.pop("PORT", 0)) or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(_OURS)},
            "DATA_DIR": str(self.data_dir),
            "PORT": str(self.port),
            "WEB_WORKERS": "1",
            **environment,
        }
        self.process: subprocess.Popen[str] | None = None

    def start(self, *, within: float = 60.0) -> "Running":
        """Start the supervisor and wait until the desk answers. Raises AssertionError with what it said."""
        greeted = self.said().count(_GREETING)
        with (self.data_dir.parent / f"{self.data_dir.name}.out").open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "desk"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(
            lambda: self.said().count(_GREETING) > greeted or self._ended(),
            within=within,
            what=lambda: f"the desk to answer; it said:\n{self.said()}",
        )
        assert not self._ended(), f"The desk did not start:\n{self.said()}"
        wait_until(lambda: all(self.lives(name) for name in NAMES), within=10, what="every process")
        return self

    def is_up(self) -> bool:
        """Whether the supervisor runs."""
        return self.process is not None and self.process.poll() is None

    def is_ready(self) -> bool:
        """Whether the web answers and reads its database."""
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/readyz", timeout=2, trust_env=False).status_code == 200
        return False

    def pid(self, name: str) -> int:
        """The process of this name; 0 while it has none."""
        with contextlib.suppress(OSError, ValueError):
            return int((self.data_dir / "run" / f"{name}.pid").read_text())
        return 0

    def lives(self, name: str) -> bool:
        """Whether that process is there."""
        return self.pid(name) > 0 and Path(f"/proc/{self.pid(name)}").exists()

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Signal one process; its id."""
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    def kill_and_wait(self, name: str, *, within: float = 15.0) -> float:
        """Kill one process and wait for its successor; the seconds that took."""
        began, old = time.monotonic(), self.kill(name)
        wait_until(
            lambda: self.pid(name) not in (0, old) and self.lives(name), within=within, what=f"{name} again"
        )
        return time.monotonic() - began

    def manage(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """Run one of the desk's commands against it; what it printed. Raises AssertionError when it failed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**self.environment, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments} failed:\n{done.stdout}{done.stderr}"
        return done.stdout

    def database_url(self, *, owner: bool = False) -> str:
        """The address of its database, as the application's role or the owner's."""
        return self.told("DATABASE_OWNER_URL" if owner else "DATABASE_URL")

    def told(self, name: str) -> str:
        """What the supervisor tells other commands under this name."""
        lines = (self.data_dir / "run" / "desk.env").read_text().splitlines()
        return next(line.partition("=")[2] for line in lines if line.startswith(f"{name}="))

    def said(self) -> str:
        """What the supervisor told, all starts together."""
        path = self.data_dir.parent / f"{self.data_dir.name}.out"
        return path.read_text() if path.exists() else ""

    def left_over(self) -> list[str]:
        """The command lines of processes of this folder that still live."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                marked = f"DESK_HOUSE={self.data_dir}".encode() in (entry / "environ").read_bytes().split(
                    b"\0"
                )
                if marked or f"-D {self.data_dir}" in line:
                    found.append(line)
        return found

    def interrupt(self, *, within: float = 30.0) -> int:
        """Ctrl-C: the exit code of the supervisor."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(within)

    def close(self) -> None:
        """Stop whatever runs and remove the folder."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.interrupt()
            self.process.kill()
            self.process.wait()
        (self.data_dir.parent / f"{self.data_dir.name}.out").unlink(missing_ok=True)
        if self._made:
            shutil.rmtree(self._made, ignore_errors=True)

    def _ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None


@contextlib.contextmanager
def desk(**environment: str) -> Generator[Running, None, None]:
    """A desk that runs while the block does."""
    running = Running(**environment)
    try:
        yield running.start()
    finally:
        running.close()


def wait_until(true: Callable[[], object], *, within: float, what: str | Callable[[], str]) -> None:
    """Look every 50 ms until `true()` holds. Raises AssertionError naming what was waited for.

    `within` is seconds of a machine with a processor to give: those in which processes stand in line for one do not
    count, up to MOST_IN_LINE times as many. A start is work, and beside other work it takes as long as both.
    """
    clock = Stopwatch()
    while not true():
        passed = clock.passed()
        if passed > within:
            named = what if isinstance(what, str) else what()
            raise AssertionError(
                f"waited {within:g} s ({clock.wall():.1f} s with the wait for a processor) for {named}"
            )
        time.sleep(0.05)


class Stopwatch:
    """Seconds since it was made, without those in which a process of this machine stood in line for a processor."""

    def __init__(self) -> None:
        self._began, self._in_line = time.monotonic(), _stood_in_line()

    def wall(self) -> float:
        """All seconds."""
        return time.monotonic() - self._began

    def passed(self) -> float:
        """The seconds that count; at least one in MOST_IN_LINE + 1, so that whoever waits comes to an end."""
        wall = self.wall()
        return max(wall - (_stood_in_line() - self._in_line), wall / (MOST_IN_LINE + 1))


def _stood_in_line() -> float:
    """Seconds since the machine started in which some process was ready to run and had to wait; 0 where nobody counts."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        return int(Path("/proc/pressure/cpu").read_text().split("total=")[1].split()[0]) / 1_000_000
    return 0.0

"""One process that is kept running: how it starts, how it is asked to stop, when it is started again."""

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from incidentdesk.kernel.embedded import child

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
STEADY_AFTER: Final = (
    5.0  # seconds after which a process is one that works: it was killed, and starts again at once
)
ALARM: Final = signal.SIGURG  # "tick now"; a process that does not listen for it yet is not hurt by it


@dataclass
class Part:
    """A process by name. One that worked for `STEADY_AFTER` starts again at once; while it keeps ending sooner, another
    start waits for `pause`, then twice that, up to `longest`."""

    name: str
    launch: "Callable[[], subprocess.Popen[bytes]]"
    run_dir: Path
    stop_by: signal.Signals = signal.SIGTERM
    pause: float = FIRST_PAUSE
    longest: float = LONGEST_PAUSE
    process: "subprocess.Popen[bytes] | None" = None
    failures: int = 0
    started: float = 0.0
    start_at: float = field(default=0.0)

    def start(self, *, at: float | None = None) -> None:
        """Start it now and leave its id in the run folder."""
        self.adopt(self.launch(), at=at)

    def adopt(self, process: "subprocess.Popen[bytes]", *, at: float | None = None) -> None:
        """Take over a process that was started elsewhere."""
        self.process, self.started = process, time.monotonic() if at is None else at
        self._pid_file.write_text(f"{process.pid}\n")

    def look(self, *, at: float) -> int | None:
        """Notice an end: the exit code, once, having swept the rest of its group and planned the next start."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        # A server killed at its head leaves workers that hold the port.
        child.signal_group(self.process.pid, signal.SIGKILL)
        self.failures = 0 if at - self.started >= STEADY_AFTER else self.failures + 1
        self.start_at = at + (
            min(self.longest, self.pause * 2 ** (self.failures - 1)) if self.failures else 0.0
        )
        self.process = None
        self._pid_file.unlink(missing_ok=True)
        return code

    def revive(self, *, at: float) -> bool:
        """Start it again when its pause is over; True when it did."""
        if self.process is not None or at < self.start_at:
            return False
        self.start(at=at)
        return True

    def ask(self, number: signal.Signals | None = None) -> None:
        """Signal the whole group: to stop in its own way, or with `number`."""
        if self.process is not None and self.process.poll() is None:
            child.signal_group(self.process.pid, number or self.stop_by)

    def finish(self, *, until: float) -> bool:
        """Wait for the end until then, and kill what is left. True when it ended by itself."""
        if self.process is None:
            return True
        try:
            self.process.wait(max(0.0, until - time.monotonic()))
            willing = True
        except subprocess.TimeoutExpired:
            willing = False
        child.signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
        self._pid_file.unlink(missing_ok=True)
        return willing

    @property
    def _pid_file(self) -> Path:
        return self.run_dir / f"{self.name}.pid"

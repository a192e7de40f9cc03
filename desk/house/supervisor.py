"""Keeping parts alive: starts them again, and stops all in order when told to."""

import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

from desk.house.logs import Logs
from desk.house.parts import ALARM, Part

LOOK_EVERY: Final = 0.1
PATIENCE: Final = 10.0
TICKING: Final = ("worker", "beat")

Say = Callable[[str], None]


class Stopped(Exception):
    """Somebody asked the desk to stop while it was still starting."""


class Supervisor:
    """Parts in the order in which they started. One thread; `say` tells a person."""

    def __init__(self, say: Say) -> None:
        self.parts: list[Part] = []
        self.logs = Logs()
        self._say = say
        self.asked = 0

    def listen(self) -> None:
        """Take Ctrl-C and its like as the wish to stop; a second one as impatience."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.asked += 1

    def add(self, part: Part) -> Part:
        """Start a part, or take it as it was started, and watch it from now on."""
        if part.process is None:
            part.start()
        self.parts.append(part)
        return part

    def pause(self, seconds: float = LOOK_EVERY) -> None:
        """Wait a moment while things start. Raises Stopped."""
        if self.asked:
            raise Stopped
        time.sleep(seconds)

    def watch(self) -> None:
        """Until somebody asks to stop: start again whatever ends."""
        while not self.asked:
            self.look()
            time.sleep(LOOK_EVERY)

    def look(self) -> None:
        """One look at every part. Where one ended that ticks, the keeper is told, so that no timer waits for its return."""
        at = time.monotonic()
        self.logs.look(at=at)
        for part in self.parts:
            code = part.look(at=at)
            if code is not None:
                self._say(f"{part.name} ended ({_reason(code)}); it starts again.")
                if part.name in TICKING:
                    self._alarm()
            if part.revive(at=at):
                self._say(f"{part.name} started again.")

    def _alarm(self) -> None:
        for part in self.parts:
            if part.name == "keeper":
                part.ask(ALARM)

    def stop(self) -> None:
        """The desk's own processes first, all asked at once, then each server in turn, last started first."""
        own = [part for part in reversed(self.parts) if part.name not in ("postgres", "valkey")]
        servers = [part for part in reversed(self.parts) if part not in own]
        for group in (own, *([server] for server in servers)):
            self._stop_group(group)

    def _stop_group(self, parts: list[Part]) -> None:
        before = self.asked
        for part in parts:
            part.ask()
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.asked == before and any(_runs(part) for part in parts):
            time.sleep(0.02)
        for part in parts:
            if not part.finish(until=time.monotonic()):
                self._say(f"{part.name} did not stop by itself and was killed.")


def _runs(part: Part) -> bool:
    return part.process is not None and part.process.poll() is None


def _reason(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"

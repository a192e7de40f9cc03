"""Whoever ticks has died: the supervisor tells the keeper, which does not wait for its grace."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from desk.house.parts import Part
from desk.house.supervisor import Supervisor
from tests.running import wait_until

LISTENS = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGURG})
print("ready", flush=True)
told = signal.sigtimedwait({signal.SIGURG}, 10)
sys.exit(7 if told else 0)
"""
ENDS = "raise SystemExit(1)"


def part(name: str, program: str, folder: Path) -> Part:
    def launch() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-c", program], start_new_session=True, stdout=subprocess.PIPE
        )

    return Part(name, launch, folder, pause=60)


def has_ended(supervisor: Supervisor, watched: Part) -> bool:
    supervisor.look()
    return watched.process is None


@pytest.mark.parametrize(("name", "heard"), [("worker", True), ("beat", True), ("web", False)])
def test_the_keeper_is_told_when_one_that_ticks_has_died_and_only_then(
    name: str, heard: bool, tmp_path: Path
) -> None:
    supervisor = Supervisor(lambda said: None)
    keeper = supervisor.add(part("keeper", LISTENS, tmp_path)).process
    assert keeper is not None and keeper.stdout is not None
    keeper.stdout.readline()
    ended = supervisor.add(part(name, ENDS, tmp_path))

    try:
        wait_until(lambda: has_ended(supervisor, ended), within=10, what="its end")
        if heard:
            assert keeper.wait(5) == 7
        else:
            assert keeper.poll() is None
    finally:
        keeper.kill()
        keeper.wait()


def test_a_keeper_that_does_not_listen_yet_is_not_hurt_by_it(tmp_path: Path) -> None:
    keeper = part("keeper", "import time; print('ready', flush=True); time.sleep(30)", tmp_path)
    keeper.start()
    assert keeper.process is not None and keeper.process.stdout is not None
    keeper.process.stdout.readline()

    keeper.ask(signal.SIGURG)

    with pytest.raises(subprocess.TimeoutExpired):
        keeper.process.wait(0.3)
    keeper.ask(signal.SIGKILL)
    keeper.process.wait()

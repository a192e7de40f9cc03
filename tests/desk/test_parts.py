import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk.house.parts import LONGEST_PAUSE, Part


@pytest.fixture
def part(tmp_path: Path) -> Iterator[Part]:
    """A process that never ends by itself, in a group of its own as the supervisor starts them."""

    def launch() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
        )

    found = Part("web", launch, tmp_path)
    yield found
    found.finish(until=0)


def kill(part: Part, *, at: float) -> float:
    """Kill it at that instant; how long it then waits for its next start, which is done."""
    assert part.process is not None
    part.process.kill()
    part.process.wait()
    assert part.look(at=at) == -9
    wait = part.start_at - at
    assert part.revive(at=part.start_at)
    return wait


def test_a_process_that_ran_well_for_five_seconds_starts_again_at_once(part: Part) -> None:
    part.start(at=0.0)

    assert kill(part, at=5.0) == 0.0


def test_kills_ten_seconds_apart_never_add_up_to_a_pause(part: Part) -> None:
    part.start(at=0.0)

    assert [kill(part, at=10.0 * number) for number in range(1, 8)] == [0.0] * 7


def test_a_process_that_keeps_failing_at_its_start_is_tried_ever_less_often(part: Part) -> None:
    part.start(at=0.0)

    waits = [kill(part, at=part.started + 1.0) for _ in range(8)]

    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_PAUSE, LONGEST_PAUSE]


def test_one_good_run_ends_the_doubling(part: Part) -> None:
    part.start(at=0.0)
    for _ in range(4):
        kill(part, at=part.started + 1.0)

    assert kill(part, at=part.started + 6.0) == 0.0
    assert kill(part, at=part.started + 1.0) == 0.5

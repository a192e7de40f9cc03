"""The work of reading a body grows with its length and no faster, whatever it holds."""

import contextlib
import time

import pytest

from oncall.hooks.alertmanager import parse
from oncall.hooks.walk import Malformed

SIZE = 20_000
FACTOR = 8


def work(unit: str, size: int) -> float:
    """Processor time of reading a body of this piece again and again, the least of five."""
    raw = ('{"alerts":[' + unit * (size // len(unit))).encode()
    found = []
    for _ in range(5):
        begun = time.thread_time()
        with contextlib.suppress(Malformed):
            parse(raw)
        found.append(time.thread_time() - begun)
    return min(found)


@pytest.mark.parametrize(
    "unit",
    ['"\\"', '"', "\\", "[", "{", '{"a":', "[]", "[[]],", "0,", '"a",', '{"a":[', "9", "-", " ", '{"a":"', "NaN,", "[}", "{]"],
)  # fmt: skip
def test_eight_times_the_body_is_about_eight_times_the_work(unit: str) -> None:
    small, large = work(unit, SIZE), work(unit, FACTOR * SIZE)

    assert (
        large <= 3 * FACTOR * small + 0.002
    )  # the square would be 64 times; the rest is the clock's own grain

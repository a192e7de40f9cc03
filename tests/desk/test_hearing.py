"""A worker judges its own ears (F8); tests/faults proves that a deaf one ends."""

import pytest

from desk.hearing import Hearing


def deaf(hearing: Hearing, at: float, *, waiting: int | None = 0, others: bool = False) -> bool:
    return hearing.is_deaf(at=at, waiting=waiting, others=others)


@pytest.mark.parametrize(
    ("waiting", "others", "expected"), [(0, False, False), (3, False, True), (0, True, True)]
)
def test_silence_is_deafness_only_where_there_was_something_to_hear(
    waiting: int, others: bool, expected: bool
) -> None:
    hearing = Hearing(45, at=0)

    assert not deaf(hearing, 45, waiting=waiting, others=others)
    assert deaf(hearing, 45.1, waiting=waiting, others=others) is expected


def test_whoever_heard_something_is_not_deaf() -> None:
    hearing = Hearing(45, at=0)
    hearing.began(at=40)
    hearing.ended(at=41)

    assert not deaf(hearing, 86, others=True)
    assert deaf(hearing, 86.1, others=True)


def test_whoever_works_for_long_is_not_deaf() -> None:
    hearing = Hearing(45, at=0)
    hearing.began(at=1)
    hearing.began(at=2)
    hearing.ended(at=3)

    assert not deaf(hearing, 1000, waiting=9, others=True)


def test_a_redis_that_does_not_answer_starts_the_time_anew() -> None:
    hearing = Hearing(45, at=0)

    assert not deaf(hearing, 100, waiting=None, others=True)
    assert not deaf(hearing, 145, waiting=3, others=True)
    assert deaf(hearing, 145.1, waiting=3, others=True)

"""What would fill a log is said once a minute."""

import logging
from typing import Any

import pytest

from incidentdesk import beat
from incidentdesk.celery import app
from incidentdesk.kernel import seldom
from incidentdesk.kernel.seldom import OnceAMinute, Seldom


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    at = [0.0]
    monkeypatch.setattr(seldom.time, "monotonic", lambda: at[0])
    return at


def test_each_key_comes_through_once_a_pause(clock: list[float]) -> None:
    line = Seldom()

    first = [line.may("a"), line.may("a"), line.may("b")]
    clock[0] = 59.9
    early = line.may("a")
    clock[0] = 60.0

    assert first == [True, False, True]
    assert not early
    assert line.may("a")


def test_it_remembers_no_more_than_a_thousand_keys(clock: list[float]) -> None:
    line = Seldom()
    for number in range(5_000):
        line.may(str(number))

    assert len(line._last) == 1_000
    assert not line.may("4999")


def test_a_message_of_a_library_is_one_whatever_its_arguments(clock: list[float]) -> None:
    once = OnceAMinute()
    records = [
        logging.LogRecord("psycopg.pool", logging.WARNING, "", 0, "error in %r", (number,), None)
        for number in range(3)
    ]

    assert [once.filter(record) for record in records] == [True, False, False]


def test_beat_without_redis_writes_a_line_a_minute(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("Connection refused.")

    monkeypatch.setattr(beat, "seldom", Seldom())
    scheduler = beat.Steady(app, lazy=True)
    monkeypatch.setattr(scheduler, "apply_async", refuse)

    for second in range(120):
        clock[0] = float(second)
        scheduler.apply_entry(object())

    assert caplog.text.count("Redis takes no tasks") == 2
    assert "Traceback" not in caplog.text
    assert len(caplog.text) < 500

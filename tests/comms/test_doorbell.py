"""The doorbell never raises, never waits on a broken broker for long, and then leaves it alone (F5, F6)."""

import socket
import time
from functools import partial
from typing import Any

import pytest
from celery import current_app

from comms import doorbell


@pytest.fixture(autouse=True)
def awake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "_rests_until", 0.0)


def test_a_ring_names_the_task_expires_soon_and_is_not_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **options: rung.append((name, options)))

    doorbell.ring()

    assert rung == [("comms.tasks.deliver_due", {"retry": False, "expires": 10, "ignore_result": True})]


def test_after_a_failure_the_broker_is_left_alone_for_thirty_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def away(name: str, **options: Any) -> None:
        tried.append(name)
        raise ConnectionError("no broker")

    monkeypatch.setattr(current_app, "send_task", away)

    for _ in range(5):
        doorbell.ring()
    monkeypatch.setattr(doorbell, "_rests_until", doorbell._rests_until - 30)
    doorbell.ring()

    assert len(tried) == 2


def test_a_broker_that_is_not_there_costs_an_act_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    send_task = current_app.send_task
    begun = time.monotonic()

    with current_app.connection_for_write("redis://127.0.0.1:9/0") as nobody:
        monkeypatch.setattr(current_app, "send_task", partial(send_task, connection=nobody))
        doorbell.ring()

    assert time.monotonic() - begun < 0.5
    assert doorbell._rests_until > time.monotonic()


def test_a_frozen_broker_costs_an_act_one_second_once(monkeypatch: pytest.MonkeyPatch) -> None:
    send_task = current_app.send_task
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        address = f"redis://127.0.0.1:{frozen.getsockname()[1]}/0"
        begun = time.monotonic()

        with current_app.connection_for_write(address) as silent:
            monkeypatch.setattr(current_app, "send_task", partial(send_task, connection=silent))
            for _ in range(3):
                doorbell.ring()

    assert time.monotonic() - begun < 1.4

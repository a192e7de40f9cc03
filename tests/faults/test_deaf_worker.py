"""A worker that hears nothing ends; one whose connections were cut hears again (F8)."""

import time

import pytest
import redis

from tests.faults.place import Place
from tests.running import wait_until

pytestmark = pytest.mark.faults


def test_a_worker_that_hears_nothing_while_others_work_ends_by_itself(calm: Place) -> None:
    began = time.monotonic()
    deaf = calm.another("deaf", WORKER_DEAF_SECONDS="3")
    hearing = calm.another("worker", WORKER_DEAF_SECONDS="3")

    try:
        code = deaf.wait(timeout=30)
        took = time.monotonic() - began
        time.sleep(1)  # it started beside the other, with the same patience
        alive = hearing.poll() is None
    finally:
        for process in (deaf, hearing):
            process.kill()
            process.wait()

    print(
        f"F8: a deaf worker ended {took:.1f} s after its start, with a patience of 3 s; one that hears went on"
    )
    assert code == 75
    assert alive


def test_a_worker_whose_connections_were_cut_works_again(calm: Place) -> None:
    broker = redis.Redis.from_url(calm.running.told("REDIS_URL"))
    worker = calm.running.pid("worker")

    broker.client_kill_filter(_type="normal", skipme=True)
    cut = time.monotonic()
    (stamp,) = calm.rows("SELECT now()")[0]
    wait_until(
        lambda: calm.rows("SELECT 1 FROM desk_heartbeat WHERE name = 'beat' AND at > %s", stamp),
        within=20,
        what="a ring to be carried out",
    )

    print(
        f"F8: all connections to Redis cut; the next ring was carried out after {time.monotonic() - cut:.1f} s"
    )
    assert calm.running.pid("worker") == worker

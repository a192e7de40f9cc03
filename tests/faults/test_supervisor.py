"""The house as a person meets it: one command, real processes, killed one by one and all at once."""

import os
import signal
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import httpx
import psycopg
import pytest
import redis

from tests.running import NAMES, Running, Stopwatch, desk, wait_until

pytestmark = pytest.mark.faults

QUICK = {"DEMO": "0", "HEARTBEAT_SECONDS": "0.5", "KEEPER_GRACE_SECONDS": "1", "TICK_SECONDS": "0.5"}


@pytest.fixture(scope="module")
def running() -> Generator[Running, None, None]:
    with desk(**QUICK) as started:
        yield started


@pytest.fixture(scope="module")
def second() -> Generator[Running, None, None]:
    with desk(**QUICK) as started:
        yield started


@pytest.fixture
def other(second: Running) -> Running:
    """Another desk, in another folder, which a test may leave stopped."""
    return second if second.is_up() else second.start()


def age(running: Running, name: str) -> float:
    """Seconds since the heartbeat of this name, by the database's clock."""
    with closing(psycopg.connect(running.database_url())) as connection:
        row = connection.execute(
            "SELECT extract(epoch FROM clock_timestamp() - at) FROM desk_heartbeat WHERE name = %s", [name]
        ).fetchone()
    return float(row[0]) if row else 1e9


def test_one_command_starts_every_process_and_leaves_their_ids(running: Running) -> None:
    assert len({running.pid(name) for name in NAMES}) == len(NAMES)
    assert all(running.lives(name) for name in NAMES)
    assert running.url in running.said()


def test_no_process_of_the_application_is_told_the_owners_address(running: Running) -> None:
    for name in ("web", "worker", "beat", "keeper"):
        told = Path(f"/proc/{running.pid(name)}/environ").read_bytes()

        assert b"DATABASE_URL=" in told
        assert b"DATABASE_OWNER_URL=" not in told and b"desk_owner" not in told


def test_every_log_begins_anew_while_its_process_runs(running: Running) -> None:
    """Also those of the servers, wherever their folder is."""
    logs = {name: Path(f"/proc/{running.pid(name)}/fd/1").resolve() for name in NAMES}
    pids = {name: running.pid(name) for name in NAMES}
    for log in logs.values():
        with log.open("ab") as file:
            file.write(b"a line that came too often\n" * 250_000)

    for name, log in logs.items():
        wait_until(lambda log=log: log.stat().st_size < 1_000_000, within=10, what=f"a fresh log of {name}")  # type: ignore[misc]

    assert all(log.with_suffix(".log.1").stat().st_size <= 5 * 1024 * 1024 for log in logs.values())
    assert len(set(logs.values())) == len(NAMES)
    assert {name: running.pid(name) for name in NAMES} == pids


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_killed_is_back_and_the_desk_ticks_again(running: Running, name: str) -> None:
    allowed = {"web": 5.0, "worker": 15.0, "beat": 15.0}.get(name, 10.0)

    watch = Stopwatch()
    running.kill_and_wait(name, within=allowed)
    wait_until(running.is_ready, within=allowed, what="an answer")
    seconds, wall = watch.passed(), watch.wall()
    wait_until(lambda: age(running, "tick") < 2, within=15, what="a tick")
    wait_until(
        lambda: age(running, "beat") < 2, within=20, what="beat's ring to come through broker and worker"
    )

    print(
        f"{name} was back and the desk answered after {wall:.1f} s, {seconds:.1f} s of them not in line for a processor"
    )
    assert seconds <= allowed


def test_a_killed_web_worker_is_replaced_without_a_new_server(running: Running) -> None:
    head = running.pid("web")
    children = Path(f"/proc/{head}/task/{head}/children").read_text().split()

    for child in children:
        if b"granian" in Path(f"/proc/{child}/cmdline").read_bytes():
            os.kill(int(child), signal.SIGKILL)
    wait_until(running.is_ready, within=10, what="an answer")

    assert running.pid("web") == head


def test_with_beat_stopped_the_keeper_ticks(running: Running) -> None:
    running.kill("beat", signal.SIGSTOP)
    try:
        wait_until(lambda: age(running, "beat") > 3, within=10, what="beat to fall silent")
        ages = [age(running, "tick") for _ in range(20)]
    finally:
        running.kill("beat", signal.SIGCONT)

    assert max(ages) < 3


def test_a_second_desk_on_the_same_folder_is_refused_and_a_second_folder_runs_beside(
    running: Running, other: Running
) -> None:
    twin = Running(data_dir=running.data_dir, **QUICK)
    with pytest.raises(AssertionError, match="running from"):
        twin.start(within=20)

    assert other.port != running.port
    wait_until(lambda: other.is_ready() and running.is_ready(), within=10, what="both desks to answer")


def test_the_pulse_is_for_administrators_alone_and_health_for_all(running: Running) -> None:
    with httpx.Client(base_url=running.url, trust_env=False) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/ops/pulse").status_code == 404
        assert client.get("/ops/pulse", headers={"Authorization": "Bearer nothing"}).status_code == 404


def test_a_killed_supervisor_leaves_nothing_behind_and_the_next_run_heals(other: Running) -> None:
    with psycopg.connect(other.database_url(owner=True), autocommit=True) as owner:
        owner.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert other.process is not None
    other.process.kill()
    other.process.wait()
    wait_until(lambda: not other.left_over(), within=20, what="every process to end")

    other.start()

    with psycopg.connect(other.database_url(owner=True)) as owner:
        assert owner.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_ctrl_c_stops_all_in_order_and_leaves_no_process(other: Running) -> None:
    told = len(other.said())

    code = other.interrupt()

    assert code == 0
    assert other.left_over() == []
    assert "killed" not in other.said()[told:]
    assert list((other.data_dir / "run").glob("*.pid")) == []


@pytest.mark.parametrize("fault", ["frozen", "emptied", "cut"])
def test_whatever_happens_to_redis_the_desk_ticks_and_the_worker_hears_again(
    running: Running, fault: str
) -> None:
    url = running.told("REDIS_URL")
    if fault == "frozen":
        running.kill("valkey", signal.SIGSTOP)
        try:
            wait_until(lambda: age(running, "beat") > 3, within=10, what="the rings to stop")
            ages = [age(running, "tick") for _ in range(20)]
            write = httpx.get(f"{running.url}/readyz", timeout=1.5, trust_env=False)
        finally:
            running.kill("valkey", signal.SIGCONT)
        assert max(ages) < 3 and write.status_code == 200
    else:
        with redis.Redis.from_url(url, socket_timeout=2) as client:
            client.flushall() if fault == "emptied" else client.execute_command(
                "CLIENT", "KILL", "TYPE", "normal"
            )

    wait_until(lambda: age(running, "beat") < 1.5, within=20, what="a ring through broker and worker")

"""Redis refuses or hangs: every page and every write works, and what must go out goes out (F5, F6)."""

import contextlib
import signal
import time
from collections.abc import Generator

import pytest
import redis

from tests.faults import ledger
from tests.faults.happy_path import Path
from tests.faults.place import Place
from tests.running import wait_until

pytestmark = pytest.mark.faults


@pytest.fixture
def without_redis(calm: Place) -> Generator[Place, None, None]:
    with calm.without("valkey"):
        yield calm


def test_with_redis_gone_an_incident_runs_from_its_alert_to_its_updates(without_redis: Place) -> None:
    path, place = Path(without_redis), without_redis
    hooks = len(place.hooks.receipts)

    began = time.monotonic()
    path.alert()
    link = path.page()
    paged = time.monotonic() - began
    path.acknowledge(link)
    path.respond()
    told = time.monotonic()
    wait_until(lambda: len(place.hooks.receipts) > hooks, within=15, what="the client's webhook")
    wait_until(lambda: "ed@desk.test" in to(place, path.key), within=15, what="the executive's mail")
    with contextlib.closing(place.browser()) as browser:
        pages = [
            browser.get(address).status_code for address in ("/", "/incidents/", f"/incidents/{path.key}/")
        ]

    p95 = ledger.percentile(path.took, 0.95)
    print(
        f"F5: Redis killed and held down; {len(path.took)} writes, p95 {p95 * 1000:.0f} ms; page after {paged:.1f} s, "
        f"client and executive told after {time.monotonic() - told:.1f} s"
    )
    with pytest.raises(redis.ConnectionError):
        redis.Redis.from_url(place.running.told("REDIS_URL")).ping()
    assert pages == [200, 200, 200]
    assert p95 < 0.5
    assert place.timeline(path.key)[-1]["kind"] == "update.sent"


def test_with_redis_frozen_writes_stay_quick_and_none_breaks(calm: Place) -> None:
    incidents = [calm.declare() for _ in range(2)]

    with ledger.Clients(calm, incidents, threads=4) as clients:
        wait_until(lambda: clients.answered() > 20, within=10, what="acts to flow")
        calm.running.kill("valkey", signal.SIGSTOP)
        frozen = time.monotonic()
        try:
            time.sleep(8)
        finally:
            thawed = time.monotonic()
            calm.running.kill("valkey", signal.SIGCONT)
    struck = [op for op in clients.ops if op.ended > frozen and op.began < thawed]
    took = [op.ended - op.began for op in struck]
    result = ledger.settle(calm, clients.ops)

    p99, worst = ledger.percentile(took, 0.99), max(took)
    print(
        f"F6: Redis frozen for 8 s; {len(struck)} writes in it, p99 {p99:.2f} s, longest {worst:.2f} s; {result}"
    )
    assert not [text for op in clients.ops for text in op.said if not text.startswith("200")]
    assert p99 < 1.5
    assert worst < 2.5
    assert result.clean, result


def to(place: Place, key: str) -> set[str]:
    """Whom a mail about the incident has reached."""
    return {str(mail["To"]) for mail in place.mail.mails if key in mail["Subject"]}

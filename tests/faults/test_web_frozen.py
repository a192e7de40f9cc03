"""A web process stands still inside a declaration: alerts still become incidents, and everybody is still paged (N1)."""

import contextlib
import os
import signal
import threading
import time
import uuid
from collections.abc import Generator
from datetime import UTC, datetime

import httpx
import pytest

from tests.faults.place import Place
from tests.oncall.makers import alert
from tests.running import wait_until

pytestmark = pytest.mark.faults

ALERTS = 20
# A session that has taken a number, or counts it, and neither commits nor does anything else.
STANDS_STILL = """
SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.relation = 'incidents_counter'::regclass AND l.mode = 'RowExclusiveLock'
  AND a.state = 'idle in transaction' AND a.state_change < clock_timestamp() - interval '200 milliseconds'
"""


@contextlib.contextmanager
def frozen_in_a_declaration(place: Place) -> Generator[int, None, None]:
    """One of the web processes, stopped between the number of an incident and its commit, while the block runs."""
    ends = threading.Event()
    threads = [threading.Thread(target=declare_on_and_on, args=(place, ends)) for _ in range(4)]
    for thread in threads:
        thread.start()
    pid = place.web_workers()[0]
    try:
        wait_until(lambda: stopped_in_the_middle(place, pid), within=60, what="a declaration to stand still")
        ends.set()
        yield pid
    finally:
        ends.set()
        os.kill(pid, signal.SIGCONT)
        for thread in threads:
            thread.join()


def declare_on_and_on(place: Place, ends: threading.Event) -> None:
    """A client that declares one incident after the other; what no longer answers it leaves."""
    while not ends.is_set():
        with contextlib.suppress(httpx.HTTPError, AssertionError), place.api(timeout=1.0) as api:
            body = {
                "severity": 4,
                "symptom": "slow",
                "services": ["ledger"],
                "title": f"By hand {uuid.uuid4().hex[:6]}",
            }
            api.post("/incidents", json=body, headers={"Idempotency-Key": str(uuid.uuid4())})


def stopped_in_the_middle(place: Place, pid: int) -> bool:
    """Stop it and look; let it go on where it was somewhere else."""
    os.kill(pid, signal.SIGSTOP)
    time.sleep(0.3)
    if place.rows(STANDS_STILL)[0][0]:
        return True
    os.kill(pid, signal.SIGCONT)
    time.sleep(0.05)
    return False


def send(place: Place, number: int) -> float:
    """One alert as Alertmanager sends it, again after a second without an answer; when it was acknowledged."""
    told = alert(f"Fault{number}", since=datetime.now(UTC), service=f"line-{number}")
    body = {"version": "4", "groupKey": f"frozen-{number}", "status": "firing", "alerts": [told]}
    headers = {"Authorization": f"Bearer {place.people['Ada']['token']}"}
    while True:
        with contextlib.suppress(httpx.HTTPError):
            answer = httpx.post(f"{place.running.url}/hooks/alertmanager/", json=body, headers=headers, timeout=1.0,
                                trust_env=False)  # fmt: skip
            if answer.status_code == 202:
                return time.monotonic()


def test_a_web_process_frozen_inside_a_declaration_makes_no_page_late(calm: Place) -> None:
    acknowledged: dict[str, float] = {}

    with frozen_in_a_declaration(calm):
        for number in range(ALERTS):
            acknowledged[calm.people[f"Taker {number}"]["email"]] = send(calm, number)
            time.sleep(0.3)
        still = calm.rows(STANDS_STILL)[0][0]
        wait_until(
            lambda: acknowledged.keys() <= set(calm.mail.rcpt), within=30, what="a mail to each person"
        )

    came = dict(zip(calm.mail.rcpt, calm.mail.at, strict=True))
    late = sorted(came[person] - at for person, at in acknowledged.items())
    print(f"N1: {ALERTS} alerts beside a web process frozen in a declaration (still frozen after the last: {bool(still)}), "
          f"alert to mail median {late[ALERTS // 2]:.2f} s, worst {late[-1]:.2f} s")  # fmt: skip
    assert late[-1] <= 10

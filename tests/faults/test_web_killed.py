"""Web processes are killed while clients write: nothing answered is lost and nothing is done twice (F1, F22)."""

import os
import random
import signal
import time
import uuid

import pytest

from tests.faults import ledger
from tests.faults.place import Place, at_once
from tests.running import wait_until

pytestmark = pytest.mark.faults

STRIKE_SECONDS = 5.0


def test_killed_web_workers_lose_nothing_and_double_nothing(calm: Place) -> None:
    incidents = [calm.declare() for _ in range(3)]
    dice, strikes, ended = random.Random(1), [], calm.running.said().count("web ended")

    with ledger.Clients(calm, incidents) as clients:
        wait_until(lambda: clients.answered() > 20, within=10, what="acts to flow")
        until = time.monotonic() + STRIKE_SECONDS
        while time.monotonic() < until:
            wait_until(lambda: len(calm.web_workers()) == 2, within=15, what="both web workers")
            seen = clients.answered()
            wait_until(lambda: clients.answered() > seen + 10, within=10, what="acts to flow again")  # noqa: B023
            os.kill(dice.choice(calm.web_workers()), signal.SIGKILL)
            strikes.append(time.monotonic())
            time.sleep(dice.uniform(0.1, 0.4))
    result = ledger.settle(calm, clients.ops)

    # A worker killed again within 5.5 s of its start makes the server give up as a whole; the supervisor starts it again.
    whole = calm.running.said().count("web ended") - ended
    print(f"F1: {len(strikes)} kills of a web worker, {whole} of them ended the server with it; {result}")
    assert result.clean, result
    assert result.cut > 0
    assert ledger.gapless(calm, incidents)


def test_a_killed_web_server_comes_back_and_nothing_is_lost(calm: Place) -> None:
    incidents = [calm.declare() for _ in range(2)]

    with ledger.Clients(calm, incidents) as clients:
        wait_until(lambda: clients.answered() > 20, within=10, what="acts to flow")
        struck = time.monotonic()
        old = calm.running.kill("web")
        wait_until(lambda: calm.running.pid("web") not in (0, old), within=10, what="another web server")
        seen = clients.answered()
        wait_until(lambda: clients.answered() > seen + 20, within=15, what="acts to flow again")
    back = ledger.longest_gap(clients.ops, since=struck)
    result = ledger.settle(calm, clients.ops)

    print(f"F1: 1 kill of the web server, no answer for {back:.1f} s; {result}")
    assert result.clean, result
    assert result.cut > 0
    assert back <= 10


def test_one_form_sent_twenty_times_at_once_through_the_page_is_one_entry(calm: Place) -> None:
    key, once = calm.declare(), str(uuid.uuid4())
    browser = calm.browser()
    form = {"request_id": once, "kind": "note", "text": f"op-{once}"}

    answers = at_once(20, lambda _: browser.post(f"/incidents/{key}/entries/", data=form))

    told = {(answer.status_code, answer.headers.get("Location")) for answer in answers}
    lines = [entry for entry in calm.timeline(key) if entry["texts"].get("text") == f"op-{once}"]
    print(f"F22: 20 posts of one form, {len(lines)} entry")
    assert len(lines) == 1
    assert told == {(303, f"/incidents/{key}/#e-{lines[0]['seq']}")}

"""PostgreSQL restarts at once under load: a sentence meanwhile, and everything goes on with the processes there were (F9)."""

import contextlib
import signal
import threading
import time
import uuid
from dataclasses import dataclass, field

import httpx
import psycopg
import pytest

from tests.faults import ledger
from tests.faults.place import Place
from tests.running import wait_until

pytestmark = pytest.mark.faults

OWN = ("web", "worker", "beat", "keeper")
MOST = 8  # a restart may be over before any form meets it: strike again until one does
TYPED = "The disk of the ledger is full.\nWe move the archive away."


@dataclass
class Typing:
    """Somebody who sends one form of the page again and again while the fault lasts."""

    place: Place
    key: str
    answers: list[httpx.Response] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, browser: httpx.Client) -> None:
        while not self.stop.is_set():
            form = {"request_id": str(uuid.uuid4()), "kind": "theory", "text": TYPED}
            with contextlib.suppress(httpx.HTTPError):
                self.answers.append(browser.post(f"/incidents/{self.key}/entries/", data=form))
                self.ids.append(form["request_id"])
            self.stop.wait(0.02)


def told(typing: Typing) -> list[httpx.Response]:
    """The answers that said it could not be done just now."""
    return [answer for answer in typing.answers if answer.status_code == 503]


def accepts(place: Place) -> bool:
    """Whether PostgreSQL takes a connection just now."""
    with contextlib.suppress(psycopg.Error):
        psycopg.connect(place.running.database_url(), connect_timeout=2).close()
        return True
    return False


def test_an_immediate_restart_costs_sentences_and_nothing_else(calm: Place) -> None:
    incidents, page = [calm.declare() for _ in range(2)], calm.declare()
    pids = {name: calm.running.pid(name) for name in OWN}
    wait_until(lambda: len(calm.web_workers()) == 2, within=15, what="both web workers")
    workers, recoveries = calm.web_workers(), list[float]()
    strikes: list[float] = []
    typing = Typing(calm, page)

    with contextlib.closing(calm.browser()) as browser, ledger.Clients(calm, incidents, threads=4) as clients:
        typist = threading.Thread(target=typing.run, args=(browser,))
        typist.start()
        while len(strikes) < 2 or (not told(typing) and len(strikes) < MOST):
            seen = clients.answered()
            wait_until(lambda: clients.answered() > seen + 20, within=10, what="acts to flow")  # noqa: B023
            old = calm.running.kill("postgres", signal.SIGQUIT)  # what `pg_ctl -m immediate restart` sends
            strikes.append(time.monotonic())
            wait_until(lambda: calm.running.pid("postgres") not in (0, old), within=10, what="PostgreSQL")  # noqa: B023
            wait_until(lambda: accepts(calm), within=10, what="PostgreSQL to accept")
            accepted = time.monotonic()
            wait_until(
                lambda: any(op.status == 200 and op.began > accepted for op in list(clients.ops)),  # noqa: B023
                within=10,
                what="a good answer",
            )
            good = min(op.ended for op in list(clients.ops) if op.status == 200 and op.began > accepted)
            recoveries.append(good - accepted)
        typing.stop.set()
        typist.join()
    result = ledger.settle(calm, clients.ops)

    refused = ledger.said(clients.ops, "503")
    print(
        f"F9: {len(strikes)} immediate restarts of PostgreSQL; first good answer "
        f"{', '.join(f'{each:.1f} s' for each in recoveries)} after it accepts; {len(told(typing))} forms answered with a 503 that "
        f"keeps the text, {len(refused)} programs with a sentence; {result}"
    )
    assert result.clean, result
    assert result.unknown > 0
    assert max(recoveries) <= 5
    assert {answer.status_code for answer in typing.answers} == {303, 503}
    for answer in told(typing):
        assert "The disk of the ledger is full." in answer.text
        assert "Your text is kept" in answer.text
        assert 'name="request_id"' in answer.text
    assert all("Send it again with the same key" in text for text in refused)
    assert not ledger.said(clients.ops, "500")
    assert {name: calm.running.pid(name) for name in OWN} == pids
    assert calm.web_workers() == workers
    assert ledger.gapless(calm, incidents)

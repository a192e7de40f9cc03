"""Clients that send slowly, or only hold connections: alerts, probes and pages are answered as if they were not there."""

import select
import socket
import uuid
from collections.abc import Generator
from contextlib import contextmanager

import httpx
import pytest

from tests.faults.place import Place
from tests.running import Stopwatch

pytestmark = pytest.mark.faults

GOAL = 1.0  # seconds for an answer; the figure on a quiet machine is a thirtieth of it
UNFINISHED = (
    b"POST /hooks/alertmanager/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1000\r\n\r\n{"
)


@contextmanager
def held(place: Place, number: int, *, sent: bytes = b"") -> Generator[list[socket.socket], None, None]:
    """So many connections, each of which has sent this and says nothing more."""
    found = [socket.create_connection(("127.0.0.1", place.running.port), timeout=15) for _ in range(number)]
    try:
        for each in found:
            each.sendall(sent)
        yield found
    finally:
        for each in found:
            each.close()


def slowest(place: Place) -> float:
    """The longest of some answers of the probes, of a page and of the hook, each by a connection of its own, in seconds."""
    worst = 0.0
    for path in ("/healthz", "/readyz", "/sign-in/"):
        watch = Stopwatch()
        assert httpx.get(place.running.url + path, timeout=10, trust_env=False).status_code == 200, path
        worst = max(worst, watch.passed())
    watch = Stopwatch()
    answer = httpx.post(
        f"{place.running.url}/hooks/alertmanager/", json={}, timeout=10, trust_env=False,
        headers={"Authorization": f"Bearer {uuid.uuid4()}"},
    )  # fmt: skip
    assert answer.status_code in (400, 401, 429), answer.text
    return max(worst, watch.passed())


def still_held(connections: list[socket.socket]) -> int:
    """How many of them the desk has neither answered nor closed: no answer to others waited for the end of these."""
    poll = select.poll()  # unlike select(), of any number
    for each in connections:
        poll.register(each, select.POLLIN)
    return len(connections) - len(poll.poll(0))


@pytest.mark.parametrize("number", [8, 200])
def test_unfinished_requests_hold_up_nobody(calm: Place, number: int) -> None:
    times = []
    for _ in range(3):
        with held(calm, number, sent=UNFINISHED) as connections:
            times.append(slowest(calm))
            assert still_held(connections)

    print(f"Beside {number} unfinished bodies the slowest answer took {max(times):.3f} s")
    assert max(times) <= GOAL


def test_three_thousand_idle_connections_hold_up_nobody(calm: Place) -> None:
    with held(calm, 3_000) as connections:
        worst = slowest(calm)
        left = still_held(connections)

    print(f"Beside 3,000 idle connections the slowest answer took {worst:.3f} s")
    assert left
    assert worst <= GOAL


def test_head_body_and_idle_connection_each_have_a_deadline(calm: Place) -> None:
    with (
        held(calm, 1) as idle,
        held(calm, 1, sent=UNFINISHED[:20]) as head,
        held(calm, 1, sent=UNFINISHED) as body,
    ):
        assert body[0].recv(100).startswith(b"HTTP/1.1 408 ")
        assert head[0].recv(100) == b""
        assert idle[0].recv(100) == b""

"""Many people who look at one room at once: each polls by a connection of its own, one event loop sends and reads for all."""

import heapq
import random
import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench.client import get

_END = b"\r\n\r\n"


class Caller:
    """One keep-alive connection, opened again when the server has closed it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.socket: socket.socket | None = None
        self.buffer = b""
        self.asked_at = 0.0

    def ask(self, request: bytes, poller: select.epoll, known: "dict[int, Caller]") -> None:
        """Send, and be listened to."""
        self.asked_at = time.time()
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=10)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            known[self.socket.fileno()] = self
            poller.register(self.socket, select.EPOLLIN)
        self.socket.sendall(request)

    def read(self) -> tuple[int, bytes, bytes] | None:
        """Status, head and body once all of it is here. Raises ConnectionError where the server closed."""
        assert self.socket is not None
        part = self.socket.recv(262_144)
        if not part:
            raise ConnectionError
        self.buffer += part
        head, found, body = self.buffer.partition(_END)
        if not found:
            return None
        lower = head.lower()
        at = lower.find(b"content-length:")
        if at >= 0 and len(body) < int(lower[at + 15 :].split(b"\r\n", 1)[0]):
            return None
        self.buffer = b""
        return int(head[9:12]), lower, body

    def drop(self, poller: select.epoll, known: "dict[int, Caller]") -> None:
        """Forget a connection that the server has closed."""
        if self.socket is not None:
            known.pop(self.socket.fileno(), None)
            poller.unregister(self.socket)
            self.socket.close()
        self.socket, self.buffer = None, b""


class Viewer(Caller):
    """Somebody who looks at the room: the cursor of their page, and since when it stood where."""

    def __init__(self, port: int, cookies: str, path: str, after: int) -> None:
        super().__init__(port)
        self.cookies, self.path, self.after = cookies, path, after
        self.seen: list[tuple[float, int]] = []


@dataclass
class Watched:
    """What the viewers met. Times in seconds; `shown` holds for each viewer when their page stood at which cursor."""

    polls: list[float] = field(default_factory=list)
    acts: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    failed: int = 0
    shown: list[list[tuple[float, int]]] = field(default_factory=list)

    def within(self, share: float, times: list[float]) -> float:
        """What this share of the times kept."""
        ordered = sorted(times)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")

    def latest(self, lines: list[tuple[float, int]]) -> float:
        """How long after its commit the last page showed the slowest of these lines: (instant, cursor) each."""
        worst = 0.0
        for seen in self.shown:
            place = 0
            for at, cursor in lines:
                while place < len(seen) and seen[place][1] < cursor:
                    place += 1
                worst = max(worst, (seen[place][0] if place < len(seen) else float("inf")) - at)
        return worst


def watch(
    port: int, viewers: list[Viewer], *, every: float, seconds: float, acts: Iterator[bytes] | None = None,
    pace: float = 1.0, between: Callable[[float], None] | None = None,
) -> Watched:  # fmt: skip
    """Let all of them poll `every` so many seconds, spread evenly, and one act go out each `pace`. `between` is called once
    a second with the seconds so far."""
    found, poller, known = Watched(shown=[each.seen for each in viewers]), select.epoll(), dict[int, Caller]()
    actor = Caller(port)
    dice = random.Random(1)
    began = time.time()
    due: list[tuple[float, int]] = [(began + every * n / len(viewers), n) for n in range(len(viewers))]
    heapq.heapify(due)
    numbers = {id(each): number for number, each in enumerate(viewers)}
    next_act, next_call, waiting = began + 1.0, began + 1.0, 0
    while (now := time.time()) < began + seconds or (waiting and now < began + seconds + 10):
        running = now < began + seconds
        while running and due and due[0][0] <= now:
            viewer = viewers[heapq.heappop(due)[1]]
            viewer.ask(get(f"{viewer.path}?after={viewer.after}", cookies=viewer.cookies), poller, known)
            waiting += 1
        if acts is not None and running and now >= next_act and actor.asked_at == 0:
            next_act += pace
            actor.ask(next(acts), poller, known)
            waiting += 1
        if between is not None and running and now >= next_call:
            next_call += 1.0
            between(now - began)
        for number, _ in poller.poll(0.002):
            caller = known[number]
            try:
                answer = caller.read()
            except ConnectionError:
                if caller.asked_at:  # it was closed under a question; else it was only idle
                    found.failed += 1
                    waiting -= 1
                    _again(caller, due, numbers, every, dice)
                caller.drop(poller, known)
                continue
            if answer is None:
                continue
            at, waiting = time.time(), waiting - 1
            found.statuses[answer[0]] += 1
            (found.acts if caller is actor else found.polls).append(at - caller.asked_at)
            if isinstance(caller, Viewer):
                _note(caller, answer, at)
            _again(caller, due, numbers, every, dice)
    found.failed += waiting
    for caller in list(known.values()):
        caller.drop(poller, known)
    poller.close()
    return found


def _again(
    caller: Caller, due: list[tuple[float, int]], numbers: dict[int, int], every: float, dice: random.Random
) -> None:
    if isinstance(caller, Viewer):
        heapq.heappush(due, (caller.asked_at + every * dice.uniform(0.9, 1.1), numbers[id(caller)]))
    caller.asked_at = 0.0


def _note(viewer: Viewer, answer: tuple[int, bytes, bytes], at: float) -> None:
    status, head, _ = answer
    if status == 200:
        mark = head.find(b"desk-rev:")
        viewer.after = int(head[mark + 9 :].split(b"\r\n", 1)[0])
    viewer.seen.append((at, viewer.after))


def alert_in(port: int, request: bytes) -> float:
    """The seconds until an alert was taken in, by a connection of its own. Raises RuntimeError where it was not."""
    began = time.time()
    with socket.create_connection(("127.0.0.1", port), timeout=15) as connection:
        connection.sendall(request)
        if not (said := connection.recv(65_536)).startswith(b"HTTP/1.1 202"):
            raise RuntimeError(f"An alert was answered: {said[:200]!r}")
    return time.time() - began


def page_in(port: int, path: str) -> float:
    """The seconds until this address answered 200, by a connection of its own. Raises RuntimeError where it did not."""
    began = time.time()
    with socket.create_connection(("127.0.0.1", port), timeout=15) as connection:
        connection.sendall(get(path))
        if not (said := connection.recv(65_536)).startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{path} was answered: {said[:200]!r}")
    return time.time() - began

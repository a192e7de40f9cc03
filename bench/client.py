"""A load client of few parts: keep-alive connections on raw sockets, one event loop, every answer's status checked."""

import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

_END = b"\r\n\r\n"


class WrongAnswer(Exception):
    """A status that the case does not expect; what was measured would mean nothing."""


@dataclass
class Sample:
    """One run: how many answers in how many seconds, each one's latency in seconds."""

    count: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.count / self.seconds if self.seconds else 0.0

    def latency(self, share: float) -> float:
        """The latency that this share of the answers kept, in seconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class _Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.sent_at = 0.0

    def send(self, request: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def answer(self) -> tuple[int, bytes] | None:
        """The status and body once all of it is here, else None."""
        part = self.socket.recv(262_144)
        if not part:
            raise WrongAnswer("The server closed a connection.")
        self.buffer = self.buffer + part if self.buffer else part
        head, found, rest = self.buffer.partition(_END)
        if not found:
            return None
        status = int(head[9:12])
        lower = head.lower()
        at = lower.find(b"content-length:")
        if at >= 0:
            length = int(lower[at + 15 : lower.find(b"\r\n", at) if lower.find(b"\r\n", at) > 0 else None])
            if len(rest) < length:
                return None
        elif b"transfer-encoding: chunked" in lower and not rest.endswith(b"0\r\n\r\n"):
            return None
        self.buffer = b""
        return status, rest


def get(path: str, *, cookies: str = "", headers: str = "") -> bytes:
    """A GET request as bytes; `headers` are lines that end with CRLF."""
    jar = f"Cookie: {cookies}\r\n" if cookies else ""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{jar}{headers}\r\n".encode()


def post(path: str, body: bytes, *, kind: str, cookies: str = "", headers: str = "") -> bytes:
    """A POST request as bytes."""
    jar = f"Cookie: {cookies}\r\n" if cookies else ""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{jar}{headers}\r\n"
    return head.encode() + body


def once(port: int, request: bytes) -> tuple[int, bytes]:
    """One request on a connection of its own: status and body."""
    connection = _Connection(port)
    try:
        connection.send(request)
        while (found := connection.answer()) is None:
            pass
        return found
    finally:
        connection.socket.close()


def forever(request: bytes) -> Iterator[bytes]:
    """The same request again and again."""
    while True:
        yield request


def load(
    port: int, requests: Iterable[bytes], *, connections: int, seconds: float = 0.0, count: int = 0,
    expect: int, warm: int = 0, on_body: Callable[[bytes], None] | None = None,
) -> Sample:  # fmt: skip
    """Keep `connections` busy for so many seconds, or until `count` answers; raises WrongAnswer at another status."""
    source = iter(requests)
    poller = select.epoll()
    open_ = {}
    for _ in range(connections):
        connection = _Connection(port)
        open_[connection.socket.fileno()] = connection
        poller.register(connection.socket, select.EPOLLIN)
    for connection in list(open_.values())[: max(1, warm and connections)]:
        for _ in range(warm):
            connection.send(next(source))
            while connection.answer() is None:
                pass
    sample = Sample()
    began = time.perf_counter()
    until = began + (seconds or 1e9)
    waiting = 0
    for connection in open_.values():
        connection.send(next(source))
        waiting += 1
    sent = waiting
    while waiting:
        for number, _ in poller.poll(10):
            connection = open_[number]
            found = connection.answer()
            if found is None:
                continue
            now = time.perf_counter()
            waiting -= 1
            sample.count += 1
            sample.latencies.append(now - connection.sent_at)
            sample.statuses[found[0]] += 1
            if found[0] != expect:
                raise WrongAnswer(f"{found[0]} instead of {expect}: {found[1][:300]!r}")
            if on_body:
                on_body(found[1])
            if now < until and (not count or sent < count):
                connection.send(next(source))
                sent += 1
                waiting += 1
    sample.seconds = time.perf_counter() - began
    for connection in open_.values():
        connection.socket.close()
    poller.close()
    return sample

"""Sockets with an end: connect within 3 s, and the whole exchange over within its seconds, however slowly bytes drip (F12)."""

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self

from comms.channels import CONNECT_SECONDS


class Watch:
    """Cuts the socket it was given when the time is over. A per-read timeout alone is evaded by one byte a second."""

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._end = time.monotonic() + seconds
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def left(self) -> float:
        """Seconds still to go; never quite zero, since a socket reads zero as "do not block"."""
        return max(0.05, self._end - time.monotonic())

    def over(self, connection: socket.socket) -> socket.socket:
        """Keep watch over `connection` (again after TLS has wrapped it); one that comes too late is cut at once."""
        self._socket = connection
        if self.expired:
            self._cut()
        return connection

    def _cut(self) -> None:
        self.expired = True
        connection = self._socket
        if connection is not None:
            # Not SSLSocket.shutdown, which drops its TLS state under the reader's feet: the reader shall see an end.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


def dial(addresses: tuple[str, ...], port: int, watch: Watch) -> socket.socket:
    """Connect to the first address that answers, by number alone, so that no second look-up can change the goal."""
    problem: OSError = OSError("no address to connect to")
    for address in addresses[:3]:
        if watch.expired:
            break
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.settimeout(min(CONNECT_SECONDS, watch.left()))
        try:
            watch.over(connection)
            connection.connect((address, port))
        except OSError as error:
            connection.close()
            problem = error
            continue
        connection.settimeout(watch.left())
        return connection
    raise problem

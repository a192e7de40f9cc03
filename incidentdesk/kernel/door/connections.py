"""How many connections a process of the web holds, and who has to go when they are too many.

The server closes a connection that is idle, or whose head does not come, after `IDLE_SECONDS`. That alone lets one
address fill the house as fast as it can dial. So one address holds at most half of the places, and when three quarters
are taken the longest unserved lose theirs; a connection of an address that holds few is never the first to go.
"""

import os
import socket
import struct
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Final

from django.conf import settings

from incidentdesk.kernel.client_address import Proxies, plain
from incidentdesk.kernel.door.capacity import EACH

LOOK_EVERY: Final = 0.25
_SENT_AT: Final = 44  # tcpi_last_data_sent in struct tcp_info: milliseconds since the last byte went out
SERVED_LATELY: Final = 1_000  # milliseconds


@dataclass(frozen=True, slots=True)
class Held:
    """One accepted connection: our own handle on it, whose it is, and for how long it has not been sent anything, in ms."""

    handle: int
    address: str
    unserved: int


class Doorkeeper:
    """Watches the connections of this process from a thread of its own. On Linux only: elsewhere nothing says for how
    long a connection has been idle."""

    def __init__(self, capacity: int | None = None) -> None:
        told = os.environ.get(EACH, "")
        self.capacity = capacity or (int(told) if told.isdigit() else 0)

    def start(self) -> None:
        """Begin to watch, if the server's command said how many connections there may be."""
        if self.capacity and sys.platform == "linux":
            Thread(target=self._watch, name="doorkeeper", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_EVERY)
            with suppress(OSError):
                self.look()

    def look(self) -> int:
        """One look: close what has to go; how many that was."""
        numbers = os.listdir("/proc/self/fd")  # noqa: PTH208  (a name is all that is needed)
        if len(numbers) < self.capacity // 4:
            return 0  # a glance a quarter of a second is all that an ordinary day costs
        held = list(_accepted(numbers))
        try:
            going = leaving(held, capacity=self.capacity, proxies=settings.TRUSTED_PROXIES)
            for each in going:
                # The server sees the end of the connection, and closes its own handle.
                with suppress(OSError), socket.socket(fileno=os.dup(each.handle)) as ours:
                    ours.shutdown(socket.SHUT_RDWR)
            return len(going)
        finally:
            for each in held:
                os.close(each.handle)


def leaving(held: list[Held], *, capacity: int, proxies: Proxies | None) -> list[Held]:
    """Who has to go, the longest unserved first: what one address holds beyond half, then what all hold beyond three
    quarters, taken from the addresses that hold most. One that was served within a second stays."""
    by_address: dict[str, list[Held]] = defaultdict(list)
    for each in held:
        by_address[each.address].append(each)
    for found in by_address.values():
        found.sort(key=lambda each: each.unserved)
    going: list[Held] = []

    def shrink(address: str, to: int) -> None:
        found = by_address[address]
        while len(found) > to and found[-1].unserved > SERVED_LATELY:
            going.append(found.pop())

    for address in by_address:
        if not _is_proxy(address, proxies):
            shrink(address, capacity // 2)
    beyond = len(held) - len(going) - capacity * 3 // 4
    level = sorted(map(len, by_address.values()), reverse=True)
    if beyond > 0:
        shared = _level(level, beyond)
        for address in by_address:
            shrink(address, shared)
    return going


def _level(sizes: list[int], beyond: int) -> int:
    """The height to which the highest of these must come down for `beyond` to be gone. `sizes` are in falling order."""
    taken = 0
    for rank, size in enumerate(sizes, start=1):
        following = sizes[rank] if rank < len(sizes) else 0
        if taken + (size - following) * rank >= beyond:
            return size - -(-(beyond - taken) // rank)
        taken += (size - following) * rank
    return 0


def _is_proxy(address: str, proxies: Proxies | None) -> bool:
    if proxies is None:
        return bool(settings.BEHIND_PROXY)
    return bool(proxies.hops) or proxies.trusts(address)


def _accepted(numbers: list[str]) -> Iterator[Held]:
    """The connections that came in at our own port, each by a handle of its own that the caller closes."""
    ports: set[int] = set()
    found: list[tuple[int, int, str, int]] = []
    for number in numbers:
        try:
            handle = os.dup(int(number))
        except OSError:
            continue
        seen = _look_at(handle)
        if seen is None:
            os.close(handle)
        elif seen[1]:
            found.append((handle, seen[0], seen[1], seen[2]))
        else:
            ports.add(seen[0])
            os.close(handle)
    for handle, port, address, unserved in found:
        if port in ports:
            yield Held(handle, address, unserved)
        else:
            os.close(handle)


def _look_at(handle: int) -> tuple[int, str, int] | None:
    """Of a TCP socket its own port, its peer's address ("" where it listens) and for how long it has been unserved."""
    try:
        seen = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, fileno=handle)
    except OSError:
        return None
    try:
        if seen.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN) == socket.AF_INET:
            seen.detach()
            seen = socket.socket(socket.AF_INET, socket.SOCK_STREAM, fileno=handle)
        info = seen.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        port = seen.getsockname()[1]
        if seen.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return port, "", 0
        return port, plain(seen.getpeername()[0]), int(struct.unpack_from("I", info, _SENT_AT)[0])
    except (OSError, IndexError):
        return None
    finally:
        seen.detach()

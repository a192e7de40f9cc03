"""Where the desk may connect to: resolved once, every address checked, and the checked address is the one dialled (S22)."""

import ipaddress
import socket
import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

PORTS: Final = frozenset({80, 443, 8443})
RESOLVE_SECONDS: Final = 3.0
NEVER: Final = tuple(
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
    )
)  # fmt: skip


class Forbidden(Exception):
    """This address is not for the desk to call; no retry changes that."""


class Unresolved(Exception):
    """The name has no address just now; worth another try."""


@dataclass(frozen=True)
class Target:
    """One http(s) destination: `host` for TLS and the Host header, `addresses` checked and dialled in this order."""

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]

    @property
    def netloc(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.scheme == "https" else 80) else f"{name}:{self.port}"


def place(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and path of an address, without looking anything up. Raises Forbidden when it is malformed."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Forbidden("The address cannot be read as a web address.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Forbidden("Only http and https addresses with a host can be called.")
    if parts.username is not None or parts.password is not None:
        raise Forbidden("An address with a user name or password in it is not called.")
    if any(ord(char) <= 32 or ord(char) == 127 for char in url):
        raise Forbidden("The address contains a space or a control character.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return (
        parts.scheme,
        parts.hostname,
        port if port is not None else (443 if parts.scheme == "https" else 80),
        path,
    )


def check(url: str, *, allowed: Collection[str] = ()) -> Target:
    """The target of `url` if the desk may call it. `allowed` lists host:port pairs exempt from port and address rules.

    Raises Forbidden (never retry) or Unresolved (retry). Does one look-up, of at most three seconds.
    """
    scheme, host, port, path = place(url)
    exempt = f"{host}:{port}" in allowed
    if port not in PORTS and not exempt:
        raise Forbidden(f"Port {port} is not one the desk calls (80, 443 and 8443 are).")
    addresses = resolve(host, port)
    inside = [address for address in addresses if not public(address)]
    if inside and not exempt:
        raise Forbidden(f"{host} leads to {inside[0]}, which is not on the public internet.")
    return Target(scheme, host, port, path, addresses)


def public(address: str) -> bool:
    """Whether `address` may be dialled without an exemption: not private, local, shared, mapped, multicast or reserved."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        return public(str(ip.ipv4_mapped))
    return ip.is_global and not ip.is_multicast and not any(ip in block for block in NEVER)


def resolve(host: str, port: int) -> tuple[str, ...]:
    """All addresses of `host`, IPv4 and IPv6, in the system's order. A stuck resolver is given up after three seconds."""
    found: list[str] = []

    def look_up() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend(dict.fromkeys(str(answer[4][0]) for answer in answers))

    # getaddrinfo knows no time limit; a thread that never returns costs less than a message that holds its lease.
    thread = threading.Thread(target=look_up, name="resolve", daemon=True)
    thread.start()
    thread.join(RESOLVE_SECONDS)
    if not found:
        raise Unresolved(f"{host} could not be looked up.")
    return tuple(found)

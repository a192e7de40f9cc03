"""Where the desk may connect to: resolved once, every address checked, and the checked address is the one dialled (S22)."""

import ipaddress
import socket
import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from incidentdesk.kernel.host_names import ascii_host

PORTS: Final = frozenset({80, 443, 8443})
RESOLVE_SECONDS: Final = 3.0
_AS_IT_STANDS: Final = "".join(
    map(chr, range(33, 127))
)  # of a path: only what is not ASCII is written as %XX
# By IANA's registries of special-purpose addresses, and what its neighbours name. IPv4: everything but these is public.
NEVER_4: Final = tuple(
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  # private
        "100.64.0.0/10",  # shared; 100.100.100.200 tells the secrets of a machine at Alibaba
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # looks public, and is every Azure machine's own host
        "169.254.0.0/16",  # link-local; 169.254.169.254 tells a machine's secrets in most clouds
        "192.0.0.0/24",  # protocol assignments; 192.0.0.192 tells them at Oracle
        "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24",  # documentation
        "192.31.196.0/24", "192.175.48.0/24",  # AS112: a sink for names of private addresses
        "192.52.193.0/24", "192.88.99.0/24",  # relays: AMT, 6to4
        "198.18.0.0/15",  # measurements
        "224.0.0.0/4", "240.0.0.0/4",  # multicast, reserved, broadcast
    )
)  # fmt: skip
# IPv6: nothing outside of global unicast is public, and inside of it not these. So ULA with its metadata services
# (fd00:ec2::254, fd20:ce::254), link-local, site-local, multicast and every range yet unassigned need no line here.
GLOBAL_6: Final = ipaddress.ip_network("2000::/3")
NEVER_6: Final = tuple(
    ipaddress.ip_network(block)
    for block in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, AMT, AS112, ORCHID, drone identities
        "2001:db8::/32", "3fff::/20",  # documentation
        "2002::/16",  # 6to4: carries an IPv4 address to whichever relay is near
        "2620:4f:8000::/48",  # AS112
    )
)  # fmt: skip
# Well-known NAT64: the only way to IPv4 from a host that has none, so the address inside of it decides.
NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_ISATAP: Final = frozenset(
    {0x0000_5EFE, 0x0200_5EFE}
)  # upper half of an interface id that ends with an IPv4 address


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
    path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_AS_IT_STANDS)
    return (
        parts.scheme,
        _host(parts.hostname),
        port if port is not None else (443 if parts.scheme == "https" else 80),
        path,
    )


def _host(name: str) -> str:
    """A name in ASCII, or a number as it stands. Raises Forbidden."""
    if ":" in name:
        return name
    try:
        return ascii_host(name)
    except ValueError:
        raise Forbidden("There can be no host with this name.") from None


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
    """Whether `address` may be dialled without an exemption: on the public internet by IANA's registries, also where an
    IPv4 address is wrapped in an IPv6 one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in block for block in NEVER_4)
    inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    if ip.ipv4_mapped is not None or ip in NAT64:
        return public(str(inner))
    if (int(ip) >> 32) & 0xFFFF_FFFF in _ISATAP and not public(str(inner)):
        return False
    return ip in GLOBAL_6 and not any(ip in block for block in NEVER_6)


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

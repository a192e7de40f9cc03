"""Who sent a request, behind exactly those proxies that are configured. Whoever counts or records addresses asks here.

A proxy appends the address that it was called from, so a list is read from its right end and no further than the
proxies that are trusted. What stands further left anybody could have sent. Where nothing readable is found, the
request counts for the connection's own address, and never for one that strangers share.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

X_FORWARDED_FOR: Final = "X-Forwarded-For"
FORWARDED: Final = "Forwarded"
_LONGEST: Final = 8_192  # characters; no chain of proxies writes more
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
# Of a Forwarded header: a quoted text, what stands outside of quotes, or a separator.
_PIECE: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[^",;]++|[,;]')
# All of one, asked first: among pieces alone each quote behind one left open would be tried as the beginning of a text.
_PIECES: Final = re.compile(rf"(?:{_PIECE.pattern})*+")


@dataclass(frozen=True)
class Proxies:
    """Which proxies stand in front: so many hops, or every address of these networks."""

    hops: int = 0
    networks: tuple[Network, ...] = ()

    def client(self, own: str, chain: list[str]) -> str:
        """The client of a connection from `own`, given what its proxies wrote, in the order of the header."""
        if not self.networks:
            named = chain[-self.hops] if 0 < self.hops <= len(chain) else ""
            return plain(named) or own
        at = own
        for text in reversed(chain):
            if not self.trusts(at):
                break
            at = plain(text)
            if not at:
                return own
        return at

    def trusts(self, address: str) -> bool:
        """Whether this address is one of the networks'."""
        # A unix socket has no address; whoever may open it was let in by its file's mode.
        return not address or any(ipaddress.ip_address(address) in network for network in self.networks)


_NONE: Final = Proxies()
_ONE: Final = Proxies(hops=1)


def trusted(text: str) -> Proxies:
    """Read a setting: a number of hops such as `1`, or addresses and networks. Raises ValueError."""
    words = [word for word in re.split(r"[,\s]+", text) if word]
    if len(words) == 1 and words[0].isascii() and words[0].isdigit() and len(words[0]) < 3:
        return Proxies(hops=int(words[0]))
    if not words:
        raise ValueError("no proxies are named")
    return Proxies(networks=tuple(ipaddress.ip_network(word) for word in words))


def header_name(text: str) -> str:
    """Read a setting: the name of a header. Raises ValueError."""
    if not _HEADER_NAME.fullmatch(text):
        raise ValueError("no name of a header")
    return text


def client_address(request: HttpRequest) -> str:
    """The address of whoever sent the request, in its shortest form: no port, no zone, no brackets, IPv4 where it is
    mapped into IPv6. Empty only for a connection without an address, such as one over a unix socket."""
    return address_in(request.META)


def address_in(meta: Mapping[str, Any]) -> str:
    """The same from a request's environment alone."""
    own = plain(meta.get("REMOTE_ADDR", ""))
    proxies: Proxies | None = settings.TRUSTED_PROXIES
    if proxies is None:
        proxies = _ONE if settings.BEHIND_PROXY else _NONE
    if proxies == _NONE:
        return own
    found = {proxies.client(own, chain) for chain in _chains(meta)}
    # Where the header that the proxy writes is not known and the two disagree, one of them is a client's invention.
    return found.pop() if len(found) == 1 else own


def _chains(meta: Mapping[str, Any]) -> list[list[str]]:
    """What the proxies wrote: the list of the configured header, else of each of the two usual ones that came."""
    names = [settings.PROXY_ADDRESS_HEADER] if settings.PROXY_ADDRESS_HEADER else [X_FORWARDED_FOR, FORWARDED]
    return [
        _forwarded(text) if name.lower() == FORWARDED.lower() else _listed(text)
        for name in names
        if (text := meta.get(f"HTTP_{name.upper().replace('-', '_')}")) is not None
    ]


def _listed(text: str) -> list[str]:
    """The addresses of an X-Forwarded-For and its like; several header lines come joined by a comma."""
    return [word for part in text.split(",") if (word := part.strip())] if len(text) <= _LONGEST else []


def _forwarded(text: str) -> list[str]:
    """What `for=` says in each element of a Forwarded header (RFC 7239), "" where an element does not say it.

    Empty when it cannot be read as a whole: a quote that somebody left open could swallow what a proxy appended."""
    if len(text) > _LONGEST or not _PIECES.fullmatch(text):
        return []
    elements, pairs = [], [""]
    for piece in [*_PIECE.findall(text), ","]:
        if piece == ";":
            pairs.append("")
        elif piece != ",":
            pairs[-1] += piece
        else:
            if any(pair.strip() for pair in pairs):
                elements.append(_for(pairs))
            pairs = [""]
    return elements


def _for(pairs: list[str]) -> str:
    named = [
        value.strip()
        for name, _, value in (pair.partition("=") for pair in pairs)
        if name.strip().lower() == "for"
    ]
    return re.sub(r"\\(.)", r"\1", named[0].strip('"')) if len(named) == 1 else ""


def plain(text: str) -> str:
    """An address in any form that proxies write, without port and zone; "" for whatever is none (`unknown`, `_hidden`)."""
    host = text.strip().strip('"')
    if host.startswith("["):
        host, closed, port = host[1:].partition("]")
        return _address(host) if closed and (not port or port.startswith(":")) else ""
    # Without brackets the last group of an IPv6 address is taken for a port only where it cannot be read otherwise.
    return _address(host) or (_address(host.rpartition(":")[0]) if host.count(":") in (1, 8) else "")


def _address(text: str) -> str:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)

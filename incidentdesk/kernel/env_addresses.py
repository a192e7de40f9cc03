"""Addresses of the environment: read strictly, and refused by the name of their variable, never with a piece of a secret.

What holds a password is never quoted in an error, not even in part: where exactly an address went wrong depends on what
stands in its password.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formataddr
from typing import Any, Final, TypeVar
from urllib.parse import unquote_to_bytes, urlsplit

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from incidentdesk.kernel import env
from incidentdesk.kernel.host_names import NotAnAddress, ascii_host, ascii_mail

Read = TypeVar("Read")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_SMTP_PORTS: Final = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NAMED: Final = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]+)>")
_DJANGO_NAMES: Final = {
    "NAME": "dbname",
    "USER": "user",
    "PASSWORD": "password",
    "HOST": "host",
    "PORT": "port",
}
_ESCAPE: Final = (
    "In user and password write special characters as %XX: @ is %40, / is %2F, # is %23, ? is %3F, % is %25."
)
# Of libpq's options with a fixed set of values; PostgreSQL itself would say so only when somebody signs in.
_CHOICES: Final = {
    "sslmode": {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
    "target_session_attrs": {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"},
    "gssencmode": {"disable", "prefer", "require"},
    "channel_binding": {"disable", "prefer", "require"},
    "load_balance_hosts": {"disable", "random"},
}
_NUMBERS: Final = {
    "connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
}  # fmt: skip


class Unusable(ValueError):
    """What is wrong with an address, without a word of it."""


@dataclass(frozen=True)
class Base:
    """The desk's own address, normalised: `host` in ASCII without brackets, `url` without a default port or a slash."""

    scheme: str
    host: str
    port: int
    url: str

    @property
    def netloc_host(self) -> str:
        """The host as it stands in an address: IPv6 in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def message_domain(self) -> str:
        """What names this desk to mail servers and ends its Message-IDs: the host, IPv6 as the literal that mail knows."""
        return f"[IPv6:{self.host}]" if ":" in self.host else self.host

    @property
    def mail_domain(self) -> str:
        """What stands after the @ of mail that the desk sends when nobody says from where."""
        if self.is_loopback:
            return "localhost"
        try:
            version = ipaddress.ip_address(self.host).version
        except ValueError:
            return self.host
        return f"[IPv6:{self.host}]" if version == 6 else f"[{self.host}]"

    @property
    def is_loopback(self) -> bool:
        """Whether it leads to this machine only."""
        return loopback(self.host)


@dataclass(frozen=True)
class Smtp:
    """Where mail is handed over. `host` is empty where no server is named."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = field(default="", repr=False)
    starttls: bool = False
    tls: bool = False


def loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def base_url(name: str, default: str) -> Base:
    """The address people use: scheme, host and port, and nothing else. International names become their ASCII form."""
    return _named(name, lambda: _base(env.text(name, default)))


def bind_host(name: str, default: str) -> str:
    """A name or an IP address to listen on, IPv6 without brackets."""
    return _named(name, lambda: _bound(env.text(name, default)))


def smtp(name: str) -> Smtp:
    """`smtp://`, `smtp+starttls://` or `smtps://`, `user:password@` where needed, host and port; unset means no server."""
    return _named(name, lambda: _smtp(env.text(name, "")))


def sender(name: str, default: str) -> str:
    """`Name <address>` or an address, as a header takes it."""
    return _named(name, lambda: _sender(env.text(name, default)))


def redis(name: str, default: str) -> str:
    """A Redis address, unchanged."""
    return _named(name, lambda: _redis(env.text(name, default)))


def host_names(name: str) -> list[str]:
    """Names of hosts as a `Host` header has them, without ports; wildcards are refused."""
    return _named(name, lambda: [_allowed(word) for word in env.words(name)])


def places(name: str) -> list[str]:
    """Pairs `host:port`, IPv6 in brackets, as `host:port` without them."""
    return _named(name, lambda: [_place(word) for word in env.words(name)])


def signing_secret(name: str) -> str:
    """A secret of the Standard Webhooks: base64, `whsec_` before it or not; empty where it is unset."""
    return _named(name, lambda: _signing(env.text(name, "")))


def postgres(name: str, default: str | object = env.REQUIRED) -> dict[str, Any]:
    """A PostgreSQL address as Django's NAME, USER, PASSWORD, HOST, PORT and OPTIONS (what else the address says)."""
    return _named(name, lambda: _postgres(env.text(name, default)))


def _named(name: str, read: Callable[[], Read]) -> Read:
    try:
        return read()
    except Unusable as fault:
        # The cause may quote the value.
        raise ImproperlyConfigured(f"{name} cannot be used: {fault}") from None


def _base(text: str) -> Base:
    wanted = (
        "it must be the address people use, such as https://desk.example.org, with no path, user or query."
    )
    try:
        parts = urlsplit(text.rstrip("/"))
        port = parts.port
    except ValueError:
        raise Unusable(wanted) from None
    extra = parts.path or parts.query or parts.fragment or "@" in parts.netloc or set("?#\\") & set(text)
    if (
        parts.scheme not in _DEFAULT_PORTS
        or not parts.hostname
        or extra
        or parts.netloc.endswith(":")
        or port == 0
    ):
        raise Unusable(wanted)
    host = _host(parts.hostname, bracketed="[" in parts.netloc)
    number = port or _DEFAULT_PORTS[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    # A browser's Origin leaves the usual port out, and is compared with this text.
    url = f"{parts.scheme}://{shown}" + ("" if number == _DEFAULT_PORTS[parts.scheme] else f":{number}")
    return Base(parts.scheme, host, number, url)


def _bound(text: str) -> str:
    if text.startswith("["):
        raise Unusable("here an IPv6 address stands without brackets.")
    return _host(text, bracketed=":" in text)


def _smtp(text: str) -> Smtp:
    if not text:
        return Smtp()
    scheme, mark, rest = text.partition("://")
    scheme = scheme.lower()
    if not mark or scheme not in _SMTP_PORTS:
        raise Unusable("it must begin with smtp://, smtp+starttls:// or smtps://.")
    # The last @ ends user and password, so that they may hold what would end an address elsewhere.
    credentials, at, place = rest.rpartition("@")
    host, port = _host_and_port(place.removesuffix("/"))
    user, colon, password = credentials.partition(":")
    if at and not (user and colon and password):
        raise Unusable("it names a user without a password, or a password without a user.")
    return Smtp(
        host, port or _SMTP_PORTS[scheme], _decoded(user), _decoded(password),
        starttls=scheme == "smtp+starttls", tls=scheme == "smtps",
    )  # fmt: skip


def _sender(text: str) -> str:
    found = _NAMED.fullmatch(text)
    name, address = (found["name"], found["address"]) if found else ("", text)
    name = name.strip().strip('"')
    if not name.isprintable():
        raise Unusable("it must be an e-mail address, or a name and an address in angle brackets.")
    try:
        return formataddr((name, ascii_mail(address)))
    except NotAnAddress as fault:
        raise Unusable(str(fault)) from None


def _redis(text: str) -> str:
    wanted = f"it must read like redis://:password@host:6379/0. {_ESCAPE}"
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise Unusable(wanted) from None
    if parts.scheme not in ("redis", "rediss") or not host or parts.fragment or port == 0:
        raise Unusable(wanted)
    if not re.fullmatch(r"/?\d{0,4}", parts.path) or "@" in parts.query or _BAD_ESCAPE.search(parts.netloc):
        raise Unusable(wanted)
    _host(host, bracketed="[" in parts.netloc.rpartition("@")[2])
    return text


def _postgres(text: str) -> dict[str, Any]:
    try:
        parts: dict[str, Any] = dict(conninfo_to_dict(text))
    except ProgrammingError:
        raise Unusable(f"it must read like postgresql://user:password@host/database. {_ESCAPE}") from None
    named = {django: str(parts.pop(libpq, "") or "") for django, libpq in _DJANGO_NAMES.items()}
    if not named["NAME"]:
        raise Unusable("it names no database.")
    _check_postgres(named, parts)
    return {"ENGINE": "incidentdesk.kernel.postgresql", **named, "OPTIONS": parts}


def _check_postgres(named: Mapping[str, str], options: Mapping[str, Any]) -> None:
    """Refuse what libpq takes now and stumbles over, with pieces of the address in its error, when it connects."""
    ports = [port for port in named["PORT"].split(",") if port]
    if any(not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536 for port in ports):
        raise Unusable(f"its port is no number from 1 to 65535. {_ESCAPE}")
    # A slash in a password ends the address there: what is left of it lands in the name of the database.
    if set("@/") & set(named["NAME"]) or "@" in named["HOST"][1:]:
        raise Unusable(f"what stands where host and database should stand is neither. {_ESCAPE}")
    if "options" in options:
        raise Unusable("leave `options` out: the desk sets the limits of its own sessions there.")
    for option, value in options.items():
        if option in _CHOICES and value not in _CHOICES[option]:
            raise Unusable(f"{option} must be one of {', '.join(sorted(_CHOICES[option]))}.")
        if option in _NUMBERS and not (str(value).isascii() and str(value).isdigit()):
            raise Unusable(f"{option} must be a whole number.")


def _allowed(word: str) -> str:
    if "*" in word or word.startswith("."):
        raise Unusable("it holds a wildcard. Name each host, or links in mails can be forged.")
    host = _host(word.strip("[]"), bracketed=word.startswith("["))
    return f"[{host}]" if ":" in host else host


def _place(word: str) -> str:
    host, port = _host_and_port(word)
    if not port:
        raise Unusable("each entry must be host:port, IPv6 in brackets.")
    return f"{host}:{port}"


def _signing(text: str) -> str:
    if not text:
        return ""
    try:
        key = base64.b64decode(
            text.removeprefix("whsec_") + "=="
        )  # as forgiving as those who will sign with it
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise Unusable("it must be random bytes in base64, with `whsec_` before it or not.")
    return text


def _host_and_port(text: str) -> tuple[str, int]:
    """A host, IPv6 in brackets, and a port or 0."""
    found = re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{1,5}))?", text, re.ASCII)
    if found is None or not found[1].strip("[]"):
        raise Unusable(f"there is no host that can be read, or its port is no number. {_ESCAPE}")
    if found[2] and not 0 < int(found[2]) < 65_536:
        raise Unusable("its port is no number from 1 to 65535.")
    return _host(found[1].strip("[]"), bracketed=found[1].startswith("[")), int(found[2] or 0)


def _host(name: str, *, bracketed: bool = False) -> str:
    """A name in ASCII or an IP address in its shortest form."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        address = None
    if address is not None and (address.version == 6) == bracketed:
        return str(address)
    if address is not None or bracketed or re.fullmatch(r"[0-9.]+", name):
        raise Unusable("its host is no address that can be read (IPv6 needs brackets).")
    try:
        return ascii_host(name)
    except ValueError:
        raise Unusable("there can be no host with this name.") from None


def _decoded(text: str) -> str:
    """A user or password with %XX decoded. smtplib sends ASCII only."""
    if _BAD_ESCAPE.search(text):
        raise Unusable(f"user or password holds a % that begins no %XX. {_ESCAPE}")
    found = unquote_to_bytes(text)
    if any(not 32 <= byte < 127 for byte in found):
        raise Unusable("user or password holds what is not a printable ASCII character.")
    return found.decode()

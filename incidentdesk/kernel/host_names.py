"""Names of hosts and addresses of mail in their two forms: as people read them, and in ASCII as the wire needs them.

International names follow IDNA 2008 with the mapping of UTS 46, so that capitals and full-width letters are the same name.
What people typed and what programs sent in the ASCII form (`xn--...`) is one address, whichever way it came.
"""

import ipaddress
import re
from typing import Final

import idna

_LONGEST: Final = 253
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
# What servers take without quoting and without SMTPUTF8 (RFC 5321, Dot-string).
_LOCAL: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r'|"(?:[ !#-\[\]-~]|\\[ -~])*"',  # quoted: rare, and older rows may hold one
    re.ASCII,
)
_LONGEST_LOCAL: Final = 64


class NotAnAddress(ValueError):
    """Mail cannot be sent there; the text says why, in a sentence for whoever typed it."""


def ascii_host(host: str) -> str:
    """The name as DNS, TLS and SMTP know it, in lower case. Raises ValueError where there can be no such host."""
    name = host.rstrip(".").lower()
    if not name.isascii():
        name = idna.encode(name, uts46=True).decode()  # IDNAError is a ValueError
    if not 0 < len(name) <= _LONGEST or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError("no name of a host")
    return name


def ascii_mail(address: str) -> str:
    """The address as it goes to a mail server: the domain in ASCII, the part before the @ as it stands.

    Raises NotAnAddress. An address that is not ASCII before the @ needs a server that knows SMTPUTF8, and so does every
    server after it; the desk refuses it where it is typed instead of losing a page to it at night.
    """
    local, at, domain = address.strip().rpartition("@")
    if not at or not local or not domain:
        raise NotAnAddress("This is not an e-mail address.")
    if not local.isascii():
        raise NotAnAddress(
            "The part before the @ may hold only plain letters (ASCII): many mail servers refuse others."
        )
    if len(local) > _LONGEST_LOCAL or not _LOCAL.fullmatch(local):
        raise NotAnAddress("This is not an e-mail address.")
    host = _mail_domain(domain)
    if not host:
        raise NotAnAddress("There can be no mail domain with the name after the @.")
    if len(local) + len(host) > 253:
        raise NotAnAddress("This is not an e-mail address.")
    return f"{local}@{host}"


def known_mail(text: str) -> str:
    """The form under which an address would be known here; what can be none comes back in lower case and finds nobody.

    A browser sends the domain of its e-mail fields in ASCII, a command line as it was typed.
    """
    try:
        return readable_mail(text)
    except NotAnAddress:
        return text.strip().lower()


def _mail_domain(domain: str) -> str:
    """A domain in ASCII, or an IP address in brackets; empty for what is neither."""
    if domain.startswith("[") and domain.endswith("]"):
        number = domain[1:-1].removeprefix("IPv6:")
        try:
            return domain if ipaddress.ip_address(number) else ""
        except ValueError:
            return ""
    try:
        host = ascii_host(domain)
    except ValueError:
        return ""
    return host if "." in host or host == "localhost" else ""


def readable_mail(address: str) -> str:
    """The one form in which an address is stored and compared: lower case, the domain in its own script.

    Raises NotAnAddress for what `ascii_mail` refuses.
    """
    local, _, host = ascii_mail(address).rpartition("@")
    return f"{local.lower()}@{readable_host(host)}"


def readable_host(host: str) -> str:
    """An ASCII name in its own script where it stands for one."""
    if "xn--" not in host:
        return host
    try:
        return idna.decode(host)
    except idna.IDNAError:
        return host

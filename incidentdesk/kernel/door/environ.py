"""A request as a WSGI application reads it, made from what the server hands over."""

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from granian.rsgi import Scope

Environ = dict[str, Any]

_ALWAYS: Final[Environ] = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
_PLAIN: Final = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


def environ(scope: "Scope") -> Environ:
    """Everything but the body. Lines of one name are joined as HTTP says.

    A name with an underscore is left out: it would be read as the one with a hyphen, so that a client could send
    `X_Forwarded_For` past a proxy that sets `X-Forwarded-For`."""
    host, _, port = scope.server.rpartition(":")
    made = {
        **_ALWAYS,
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": _latin(scope.path),
        "QUERY_STRING": _latin(scope.query_string),
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "SERVER_NAME": host.strip("[]"),
        "SERVER_PORT": port,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.url_scheme": scope.scheme,
    }
    for name, value in scope.headers.items():
        key = _key(name)
        if key in made:
            made[key] += f"{';' if name == 'cookie' else ','}{value}"
        elif key:
            made[key] = value
    if "HTTP_HOST" not in made and scope.authority:
        made["HTTP_HOST"] = scope.authority
    return made


def _latin(text: str) -> str:
    """WSGI carries bytes as a text of as many characters."""
    return text if text.isascii() else text.encode().decode("latin-1")


@lru_cache(maxsize=512)
def _key(name: str) -> str:
    if "_" in name:
        return ""
    return _PLAIN.get(name) or f"HTTP_{name.upper().replace('-', '_')}"

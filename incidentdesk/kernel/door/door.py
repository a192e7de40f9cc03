"""The application as granian calls it: the event loop takes in what comes, threads answer it.

The loop waits for slow senders, any number of them; a thread only ever gets a request that is there. Alerts and the
probe of the process have threads of their own, which people's requests cannot fill.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from incidentdesk.kernel.client_address import address_in
from incidentdesk.kernel.door.bodies import Bodies, Refused
from incidentdesk.kernel.door.connections import Doorkeeper
from incidentdesk.kernel.door.environ import Environ, environ
from incidentdesk.kernel.door.lanes import Lane

if TYPE_CHECKING:
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

ALIVE: Final = "/healthz"
MACHINES: Final = ("/hooks/", "/readyz", "/ops/")
GIVES_WAY: Final = 0.001  # seconds
LONG: Final = "/hooks/"  # may send more than one is let in with; whoever answers it looks at the token first
logger = logging.getLogger(__name__)


class Door:
    """An RSGI application around a WSGI one, in one process of the web."""

    def __init__(self, application: Application, *, threads: int, machine_threads: int = 2) -> None:
        self._application = application
        self._threads = threads, machine_threads
        self._bodies = Bodies()

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called once in each process of the web, before its first request."""
        # A thread that computes gives way to the loop and to alerts after this, not after the usual 5 ms.
        sys.setswitchinterval(GIVES_WAY)
        people, machines = self._threads
        self._loop = loop
        self._people, self._machines = Lane("people", people), Lane("machines", machines)
        self._alive = Lane("alive", 1)
        Doorkeeper().start()

    async def __rsgi__(self, scope: "Scope", proto: "HTTPProtocol") -> None:
        """Take one request in whole, and wait until a thread has answered it."""
        request = environ(scope)
        try:
            request["wsgi.input"] = await self._body(request, proto)
        except Refused as refusal:
            _say(proto, refusal.status, str(refusal))
            return
        if request["PATH_INFO"] == ALIVE:
            request.pop("HTTP_COOKIE", None)  # whose session it may be is a question to the database
        answered = self._loop.create_future()
        if self._lane(request["PATH_INFO"]).put(lambda: self._answer(request, proto, answered)):
            await answered
        else:
            _say(
                proto, 503, "The desk has more requests than it can answer. Nothing was saved; send it again."
            )

    async def _body(self, request: Environ, proto: "HTTPProtocol") -> BinaryIO:
        chunked, length = "HTTP_TRANSFER_ENCODING" in request, request.get("CONTENT_LENGTH") or "0"
        if not chunked and not length.isdigit():
            raise Refused(400, "The length of the request cannot be read. Nothing of it was saved.")
        if not chunked and int(length) == 0:
            return BytesIO()
        body = await self._bodies.read(
            proto,
            None if chunked else int(length),
            client=address_in(request),
            may_be_long=request["PATH_INFO"].startswith(LONG),
        )
        if chunked:
            request.pop("CONTENT_LENGTH", None)
            if isinstance(body, BytesIO):
                request["CONTENT_LENGTH"] = str(body.getbuffer().nbytes)
        return body

    def _lane(self, path: str) -> Lane:
        if path.startswith(MACHINES):
            return self._machines
        return self._alive if path == ALIVE else self._people

    def _answer(self, request: Environ, proto: "HTTPProtocol", answered: "asyncio.Future[None]") -> None:
        """In a thread: the application's answer, as one piece."""
        try:
            status, headers, body = self._ask(request)
            proto.response_bytes(status, headers, body)
        except Exception:
            logger.exception("The application broke.")
            _say(proto, 500, "Something is wrong on the desk's side.")
        finally:
            with suppress(RuntimeError):  # the loop has ended: so has the process, nearly
                self._loop.call_soon_threadsafe(_done, answered)

    def _ask(self, request: Environ) -> tuple[int, list[tuple[str, str]], bytes]:
        begun: list[tuple[str, list[tuple[str, str]]]] = []
        parts = self._application(request, lambda status, headers, info=None: begun.append((status, headers)))
        try:
            body = b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()
        status, headers = begun[-1]
        return int(status[:3]), headers, body


def _say(proto: "HTTPProtocol", status: int, sentence: str) -> None:
    """A short answer after which the connection ends: what may still come of the request is not read."""
    headers = [
        ("content-type", "text/plain; charset=utf-8"),
        ("cache-control", "no-store"),
        ("connection", "close"),
    ]
    if status == 503:
        headers.append(("retry-after", "2"))
    proto.response_str(status, headers, f"{sentence}\n")


def _done(answered: "asyncio.Future[None]") -> None:
    if not answered.done():
        answered.set_result(None)

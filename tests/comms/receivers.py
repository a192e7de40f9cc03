"""Real receivers on loopback: HTTP in every bad mood of F12, and an SMTP server."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


@dataclass
class Receipt:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class HttpReceiver:
    """Answers by path: /ok, /500, /slow/<s>, /hang, /drip, /drip-head, /302, /huge, /busy (429, Retry-After 7), /gone."""

    port: int
    receipts: list[Receipt] = field(default_factory=list)
    held: bool = False  # whoever comes meanwhile is answered only afterwards

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def at(self, path: str) -> list[Receipt]:
        return [receipt for receipt in self.receipts if receipt.path == path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: HttpReceiver
    stop: threading.Event

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.receiver.receipts.append(Receipt(self.path, dict(self.headers), body, time.monotonic()))
        while self.receiver.held and not self.stop.wait(0.02):
            pass
        mood = self.path.split("/")[1]
        with contextlib.suppress(ConnectionError):  # whoever asked may be gone by now
            getattr(self, f"_{mood.replace('-', '_')}")()

    do_GET = do_POST

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _ok(self) -> None:
        self._answer(200, b"thanks")

    def _500(self) -> None:
        self._answer(500, b"<script>alert(1)</script>")

    def _gone(self) -> None:
        self._answer(410)

    def _busy(self) -> None:
        self._answer(429, Retry_After="7")

    def _302(self) -> None:
        self._answer(302, Location=self.receiver.url("/inside"))

    def _inside(self) -> None:
        self._answer(200)

    def _slow(self) -> None:
        self.stop.wait(float(self.path.split("/")[2]))
        self._answer(200)

    def _hang(self) -> None:
        self.stop.wait(60)

    def _drip_head(self) -> None:
        self._drip_bytes(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 600)

    def _drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n")
        self._drip_bytes(b"x" * 600)

    def _drip_bytes(self, data: bytes) -> None:
        try:
            for byte in data:
                if self.stop.wait(0.1):
                    return
                self.wfile.write(bytes([byte]))
        except OSError:
            pass

    def _huge(self) -> None:
        size = 10 * 1024 * 1024
        self.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        self.sent = 0
        try:
            for _ in range(size // 65536):
                self.wfile.write(b"x" * 65536)
        except OSError:
            pass

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def http_receiver() -> Iterator[HttpReceiver]:
    stop = threading.Event()
    handler = type("Handler", (_Handler,), {"stop": stop})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    receiver = HttpReceiver(server.server_address[1])
    handler.receiver = receiver  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        stop.set()
        server.shutdown()
        server.server_close()


@dataclass
class MailServer:
    host: str
    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    refuse: set[str] = field(default_factory=set)
    down: bool = False
    held: bool = False  # mails that come meanwhile are confirmed only afterwards
    raw: list[bytes] = field(default_factory=list)
    rcpt: list[str] = field(default_factory=list)
    at: list[float] = field(default_factory=list)  # when each mail came, by the monotonic clock
    senders: list[str] = field(default_factory=list)
    signed_in: list[tuple[str, str]] = field(default_factory=list)

    def signs_in(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.signed_in.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=True)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refuse:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.down:
            return "451 try later"
        content = envelope.content
        content = content if isinstance(content, bytes) else content.encode("ascii")
        self.raw.append(content)
        self.at.append(time.monotonic())
        self.rcpt += envelope.rcpt_tos
        self.senders.append(envelope.mail_from)
        self.mails.append(BytesParser(policy=default).parsebytes(content))
        while self.held:
            await asyncio.sleep(0.02)
        return "250 taken"


@contextmanager
def mail_server(**options: Any) -> Iterator[MailServer]:
    """A real SMTP server; `decode_data=True, enable_SMTPUTF8=False` makes it one without 8BITMIME and SMTPUTF8, which
    refuses every byte above 127. With `signing_in` it takes any user and password and remembers them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    handler = MailServer("127.0.0.1", port)
    if options.pop("signing_in", False):
        options |= {"authenticator": handler.signs_in, "auth_require_tls": False, "auth_required": True}
    controller = Controller(handler, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield handler
    finally:
        controller.stop()


@contextmanager
def dripping_port(data: bytes, every: float = 0.1) -> Iterator[int]:
    """A TCP port that says `data` one byte at a time to whoever connects, such as a greeting that never ends."""
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(connection: socket.socket) -> None:
        with connection:
            try:
                for byte in data:
                    connection.sendall(bytes([byte]))
                    if stop.wait(every):
                        return
                stop.wait(60)
            except OSError:
                pass

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        listener.close()

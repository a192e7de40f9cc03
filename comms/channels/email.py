"""Plain-text mail by SMTP, one thread per incident and audience; without a mail server it is filed here instead."""

import os
import smtplib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.charset import BASE64, QP, Charset
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Final

from django.core.mail import EmailMessage

from comms.channels import EXCHANGE_SECONDS, Outcome, Parcel, Result
from comms.channels.guard import Unresolved, resolve
from comms.channels.wire import Watch, dial
from incidentdesk.kernel.host_names import NotAnAddress, ascii_mail
from incidentdesk.kernel.text import header_line

DEFAULT_PORT: Final = 25
LONGEST_LINE: Final = 900  # RFC 5322 ends a line at 998 bytes


@dataclass(frozen=True)
class Server:
    """Where mail is handed over and as whom. An empty `host` means there is none: mail is kept under `kept_in`."""

    host: str
    port: int
    sender: str
    domain: str
    kept_in: Path
    user: str = ""
    password: str = field(default="", repr=False)
    starttls: bool = False
    tls: bool = False


def send(parcel: Parcel, *, server: Server, now: datetime, seconds: float = EXCHANGE_SECONDS) -> Outcome:
    """Hand one mail to one recipient. The Message-ID comes from the parcel's uid, so a repeat after a crash shows as one.

    Payload: subject, body, and for a thread `thread` (the same text for every mail of it). Errors of the server are worth
    a retry; a recipient that is no mail address is refused.
    """
    try:
        mail = compose(parcel, server=server, now=now)
    except NotAnAddress as fault:
        return Outcome(Result.REFUSED, f"The recipient cannot be mailed. {fault}")
    if not server.host:
        return _keep(mail, parcel.uid, server.kept_in, now)
    with Watch(seconds) as watch:
        try:
            _hand_over(mail, server, watch, seconds)
        except Unresolved as error:
            return Outcome(Result.RETRY, f"The mail server {error}")
        except (OSError, smtplib.SMTPException) as error:
            if watch.expired:
                return Outcome(Result.RETRY, f"The mail server did not finish within {seconds:g} seconds.")
            turned_away = isinstance(error, smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError)
            return Outcome(Result.RETRY, _why(error), lane_ok=turned_away)
    return Outcome(Result.SENT, "Taken by the mail server.")


def compose(parcel: Parcel, *, server: Server, now: datetime) -> EmailMessage:
    """The mail as it goes out: From is fixed, nothing typed can add a header, and it says that a machine sent it.

    Seven bits and short lines, so that every server takes it, also one without 8BITMIME or SMTPUTF8. Raises NotAnAddress.
    """
    payload: Mapping[str, Any] = parcel.payload
    headers = {
        "Message-ID": f"<{header_line(parcel.uid)}@{server.domain}>",
        "Date": now.strftime("%a, %d %b %Y %H:%M:%S +0000"),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }
    if payload.get("thread"):
        root = f"<{header_line(str(payload['thread']))}@{server.domain}>"
        headers |= {"In-Reply-To": root, "References": root}
    if parcel.attempt > 1:
        headers["X-Incident-Desk-Repeat"] = (
            f"try {parcel.attempt}; may repeat an earlier one with the same Message-ID"
        )
    body = str(payload["body"])
    mail = EmailMessage(
        subject=header_line(str(payload["subject"])),
        body=body,
        from_email=server.sender,
        to=[ascii_mail(parcel.dest)],
        headers=headers,
    )
    mail.encoding = _encoding(body)
    return mail


def _encoding(body: str) -> Charset | str:
    """How the body is written in seven bits: as it stands where it can, else in whichever of the two ways is shorter."""
    if body.isascii() and max(map(len, body.splitlines()), default=0) <= LONGEST_LINE:
        return "utf-8"
    charset = Charset("utf-8")
    quoted = sum(3 if byte > 126 or byte == 61 else 1 for byte in body.encode())
    charset.body_encoding = QP if quoted * 3 <= len(body.encode()) * 4 else BASE64
    return charset


class _Client(smtplib.SMTP):
    """smtplib over a socket that is watched from the first byte of the greeting on."""

    def __init__(self, server: Server, watch: Watch, seconds: float) -> None:
        super().__init__(local_hostname=server.domain, timeout=seconds)
        self._server, self._watch = server, watch
        self._host = server.host  # smtplib checks certificates of STARTTLS against this name

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = dial(resolve(host, port), port, self._watch)
        if not self._server.tls:
            return connection
        context = ssl.create_default_context()
        wrapped = context.wrap_socket(connection, server_hostname=host, do_handshake_on_connect=False)
        self._watch.over(wrapped).settimeout(self._watch.left())
        wrapped.do_handshake()
        return wrapped


def _hand_over(mail: EmailMessage, server: Server, watch: Watch, seconds: float) -> None:
    client = _Client(server, watch, seconds)
    try:
        code, greeting = client.connect(server.host, server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, greeting)
        if server.starttls:
            client.starttls(context=ssl.create_default_context())
            if client.sock is not None:
                watch.over(client.sock)
        if server.user:
            client.login(server.user, server.password)
        client.sendmail(parseaddr(mail.from_email)[1], mail.to, _bytes(mail))
    finally:
        client.close()


def _keep(mail: EmailMessage, uid: str, folder: Path, now: datetime) -> Outcome:
    """File the mail under a name that a repeat overwrites; only the desk's own user may read it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / f"{uid}.eml"
    part = folder / f".{uid}.{os.getpid()}.part"
    part.touch(mode=0o600)
    part.write_bytes(_bytes(mail))
    part.replace(target)
    return Outcome(Result.KEPT, "Kept here, not sent: no mail server is configured.")


def _bytes(mail: EmailMessage) -> bytes:
    return b"\r\n".join(mail.message().as_bytes().splitlines()) + b"\r\n"


def _why(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = next(iter(error.recipients.values()))[0]
        return f"The mail server refused the recipient ({code})."
    if isinstance(error, smtplib.SMTPResponseException):
        return f"The mail server answered {error.smtp_code}."
    if isinstance(error, TimeoutError):
        return "The mail server did not answer in time."
    if isinstance(error, ConnectionRefusedError):
        return "The mail server refused the connection."
    return f"The exchange with the mail server broke off ({type(error).__name__})."

"""Mail goes to a real SMTP server, threads by incident and audience, and can be turned by nothing that was typed (S24)."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from comms.channels import Parcel, Result, email, guard
from tests.comms.receivers import MailServer, dripping_port, mail_server

T0 = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
THREAD = "6f9c1d0e-8a0f-4a57-9d2f-0c6a5f3b2e11.clients"


@pytest.fixture
def smtp() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


def server(smtp: MailServer | None, folder: Path) -> email.Server:
    return email.Server(
        host=smtp.host if smtp else "",
        port=smtp.port if smtp else 25,
        sender="Incident Desk <desk@desk.example>",
        domain="desk.example",
        kept_in=folder / "mail",
    )


def parcel(uid: str = "msg_1", **payload: str) -> Parcel:
    return Parcel(
        uid, "ada@client.example", {"subject": "Payments: update 1", "body": "All is known.\n", **payload}
    )


def test_a_mail_arrives_as_plain_text_from_the_fixed_sender(smtp: MailServer, tmp_path: Path) -> None:
    outcome = email.send(
        parcel(body="Größe: 3 µs, 支払い\n.\nnot the end\n"), server=server(smtp, tmp_path), now=T0
    )

    mail = smtp.mails[0]
    assert outcome.result is Result.SENT
    assert mail.get_content_type() == "text/plain"
    assert mail["From"] == "Incident Desk <desk@desk.example>"
    assert mail["To"] == "ada@client.example"
    assert mail.get_content().splitlines() == ["Größe: 3 µs, 支払い", ".", "not the end"]


def test_mails_of_one_incident_and_audience_are_one_thread(smtp: MailServer, tmp_path: Path) -> None:
    for uid in ("msg_1", "msg_2"):
        email.send(parcel(uid, thread=THREAD), server=server(smtp, tmp_path), now=T0)

    assert [mail["Message-ID"] for mail in smtp.mails] == ["<msg_1@desk.example>", "<msg_2@desk.example>"]
    assert {mail["References"] for mail in smtp.mails} == {f"<{THREAD}@desk.example>"}
    assert {mail["In-Reply-To"] for mail in smtp.mails} == {f"<{THREAD}@desk.example>"}


def test_a_repeat_has_the_same_message_id_and_says_that_it_may_be_one(
    smtp: MailServer, tmp_path: Path
) -> None:
    email.send(parcel(), server=server(smtp, tmp_path), now=T0)
    email.send(replace(parcel(), attempt=2), server=server(smtp, tmp_path), now=T0)

    first, second = smtp.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert first["X-Incident-Desk-Repeat"] is None
    assert "may repeat" in second["X-Incident-Desk-Repeat"]


def test_nothing_typed_into_a_subject_adds_a_header_or_a_recipient(smtp: MailServer, tmp_path: Path) -> None:
    hostile = parcel(
        subject="Down\r\nBcc: eve@evil.example\r\n\r\n<b>x</b>", thread="x>\r\nBcc: eve@evil.example"
    )

    email.send(hostile, server=server(smtp, tmp_path), now=T0)

    mail = smtp.mails[0]
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Down Bcc: eve@evil.example <b>x</b>"


@pytest.mark.parametrize(
    "dest", ["a@b.example\r\nRCPT TO:<eve@evil.example>", "not an address", "a@b.example, c@d.example", ""]
)
def test_a_recipient_that_is_no_address_is_refused(smtp: MailServer, tmp_path: Path, dest: str) -> None:
    outcome = email.send(replace(parcel(), dest=dest), server=server(smtp, tmp_path), now=T0)

    assert outcome.result is Result.REFUSED
    assert smtp.mails == []


def test_one_refused_recipient_is_tried_again_without_holding_up_the_others(
    smtp: MailServer, tmp_path: Path
) -> None:
    smtp.refuse.add("ada@client.example")

    outcome = email.send(parcel(), server=server(smtp, tmp_path), now=T0)

    assert (outcome.result, outcome.lane_ok) == (Result.RETRY, True)
    assert "550" in outcome.detail


def test_a_server_that_is_away_is_worth_another_try(tmp_path: Path) -> None:
    away = MailServer("127.0.0.1", 9)

    outcome = email.send(parcel(), server=server(away, tmp_path), now=T0)

    assert (outcome.result, outcome.lane_ok) == (Result.RETRY, False)
    assert outcome.detail == "The mail server refused the connection."


@pytest.mark.parametrize("greeting", [b"220 " + b"x" * 600, b"220-hello\r\n" * 60])
def test_a_server_that_drips_its_greeting_ends_in_time(tmp_path: Path, greeting: bytes) -> None:
    with dripping_port(greeting) as port:
        begun = time.monotonic()

        outcome = email.send(
            parcel(), server=server(MailServer("127.0.0.1", port), tmp_path), now=T0, seconds=1.0
        )

    assert outcome.result is Result.RETRY
    assert "did not finish within 1 seconds" in outcome.detail
    assert time.monotonic() - begun < 2.0


def test_without_a_mail_server_mail_is_filed_once_for_the_desk_s_own_user(tmp_path: Path) -> None:
    for _ in range(2):
        outcome = email.send(parcel(), server=server(None, tmp_path), now=T0)

    (kept,) = (tmp_path / "mail").iterdir()
    assert outcome.result is Result.KEPT
    assert outcome.detail.startswith("Kept here, not sent")
    assert b"Subject: Payments: update 1" in kept.read_bytes()
    assert kept.stat().st_mode & 0o077 == 0


def test_a_password_does_not_show_in_the_server_s_settings(tmp_path: Path) -> None:
    assert "geheim" not in repr(replace(server(None, tmp_path), password="geheim"))


def test_a_resolver_that_hangs_holds_no_mail_past_its_limit(
    smtp: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def hangs(*asked: object, **options: object) -> list[object]:
        over.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    monkeypatch.setattr(guard, "RESOLVE_SECONDS", 0.2)
    began = time.monotonic()

    outcome = email.send(
        parcel(), server=replace(server(smtp, tmp_path), host="mail.example"), now=T0, seconds=1
    )

    over.set()
    assert time.monotonic() - began < 5
    assert outcome.result is Result.RETRY
    assert outcome.detail == "The mail server mail.example could not be looked up."

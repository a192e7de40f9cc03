"""Mail reaches servers that know nothing new: seven bits, short lines, ASCII addresses, and any user and password."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from comms.channels import Parcel, Result, email
from incidentdesk.kernel import env_addresses
from incidentdesk.kernel.text import header_line
from tests.comms.receivers import MailServer, mail_server

T0 = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
BODIES = {
    "plain": "All is known.\n",
    "German": "Größe: 3 µs, Übergänge zählen. " * 20,
    "Japanese": "支払いが止まっています。" * 200,
    "emoji": "\N{FIRE}\N{FIRE} payments are down \N{WHITE HEAVY CHECK MARK}\n",
    "one long line": "word " * 1_000,
    "one long word": "x" * 5_000,
    "a long word in German": "ö" * 3_000,
    "dots and From": ".\n..\nFrom here on\n. end\n",
    "trailing space": "a = b \n=C3=A9 stays\t\n",
    "line separators": "a\u2028b\u0085c\n",
    "empty": "",
}
SUBJECTS = (
    "Payments: update 1",
    "Zahlungen: Größe überschritten, 支払いが止まっています " + "und noch mehr " * 20,
    "SEV-1 " + "x" * 2_000,
    "SEV-1 " + "ü" * 2_000,
)


@pytest.fixture
def old() -> Iterator[MailServer]:
    """A server without 8BITMIME and SMTPUTF8."""
    with mail_server(decode_data=True, enable_SMTPUTF8=False) as running:
        yield running


def server(smtp: MailServer, folder: Path) -> email.Server:
    return email.Server(
        smtp.host, smtp.port, "Incident Desk <desk@desk.example>", "desk.example", folder / "mail"
    )


def parcel(dest: str = "ada@client.example", subject: str = "Down", body: str = "All is known.\n") -> Parcel:
    return Parcel("msg_1", dest, {"subject": subject, "body": body})


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_every_body_arrives_in_seven_bits_and_short_lines(old: MailServer, tmp_path: Path, body: str) -> None:
    outcome = email.send(parcel(body=body), server=server(old, tmp_path), now=T0)

    assert outcome.result is Result.SENT, outcome.detail
    assert max(old.raw[0]) < 128
    assert max(map(len, old.raw[0].split(b"\r\n"))) <= 998
    assert old.mails[0]["Content-Transfer-Encoding"] in ("7bit", "quoted-printable", "base64")
    assert old.mails[0].get_content().replace("\r\n", "\n").rstrip("\n") == body.rstrip("\n")


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_arrives_whole_in_short_lines(old: MailServer, tmp_path: Path, subject: str) -> None:
    outcome = email.send(parcel(subject=subject), server=server(old, tmp_path), now=T0)

    assert outcome.result is Result.SENT, outcome.detail
    assert max(map(len, old.raw[0].split(b"\r\n"))) <= 998
    assert re.sub(r"\s+", " ", old.mails[0]["Subject"]).strip() == header_line(subject).strip()


@pytest.mark.parametrize(
    ("dest", "wire"),
    [
        ("oncall@bücher.example", "oncall@xn--bcher-kva.example"),
        ("oncall@BÜCHER.Example", "oncall@xn--bcher-kva.example"),
        ("oncall@straße.example", "oncall@xn--strae-oqa.example"),
        ("oncall@xn--bcher-kva.example", "oncall@xn--bcher-kva.example"),
        ("oncall@例え.テスト", "oncall@xn--r8jz45g.xn--zckzah"),
        ("On.Call+desk@example.org", "On.Call+desk@example.org"),
        ('"on call"@example.org', '"on call"@example.org'),
    ],
)
def test_an_international_domain_goes_out_in_its_ascii_form(
    old: MailServer, tmp_path: Path, dest: str, wire: str
) -> None:
    outcome = email.send(parcel(dest), server=server(old, tmp_path), now=T0)

    assert outcome.result is Result.SENT, outcome.detail
    assert old.rcpt == [wire]
    assert old.mails[0]["To"] == wire


@pytest.mark.parametrize(
    "dest",
    ["jörg@example.org", "ſarah@example.org", "ada@bad..example", "ada@-x.example", "ada@localdomain", "ada@ex ample.org",
     "ada@\N{SNOWMAN}\u200d.example", "a@[1.2.3.400]", "ada@" + "x" * 64 + ".org", "x" * 65 + "@example.org"],
)  # fmt: skip
def test_an_address_that_no_server_takes_is_refused_at_once_with_its_reason(
    old: MailServer, tmp_path: Path, dest: str
) -> None:
    outcome = email.send(parcel(dest), server=server(old, tmp_path), now=T0)

    assert outcome.result is Result.REFUSED
    assert outcome.detail.startswith("The recipient cannot be mailed. T")
    assert old.mails == []


def test_a_sender_with_an_international_domain_and_name_goes_out_in_ascii(
    old: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_FROM", "Bücher, Bereitschaft <desk@bücher.example>")
    told = replace(server(old, tmp_path), sender=env_addresses.sender("MAIL_FROM", ""))

    outcome = email.send(parcel(), server=told, now=T0)

    assert outcome.result is Result.SENT, outcome.detail
    assert old.senders == ["desk@xn--bcher-kva.example"]
    assert old.mails[0]["From"].addresses[0].display_name == "Bücher, Bereitschaft"


@pytest.mark.parametrize("password", ["p@ss/word", "Ab/cd+ef", "pa#ss?x", "100%", "a b:c", "~!$&'()*+,;="])
def test_user_and_password_reach_the_server_as_they_are(
    tmp_path: Path, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = password.replace("%", "%25").replace("@", "%40")
    with mail_server(signing_in=True) as running:
        monkeypatch.setenv("SMTP_URL", f"smtp://alerts%40example.com:{written}@127.0.0.1:{running.port}")
        found = env_addresses.smtp("SMTP_URL")
        told = replace(server(running, tmp_path), user=found.user, password=found.password)

        outcome = email.send(parcel(), server=told, now=T0)

    assert outcome.result is Result.SENT, outcome.detail
    assert running.signed_in == [("alerts@example.com", password)]


def test_a_desk_that_has_only_an_ipv6_address_sends_mail(old: MailServer, tmp_path: Path) -> None:
    told = replace(server(old, tmp_path), domain="[IPv6:2001:db8::1]", sender="desk@[IPv6:2001:db8::1]")

    outcome = email.send(parcel(), server=told, now=T0)

    assert outcome.result is Result.SENT, outcome.detail
    assert old.mails[0]["Message-ID"] == "<msg_1@[IPv6:2001:db8::1]>"
    assert old.senders == ["desk@[IPv6:2001:db8::1]"]

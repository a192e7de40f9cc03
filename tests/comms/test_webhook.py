"""Webhooks are signed, know no redirect, and end in time whatever the receiver does (F12, S22, S23)."""

import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from comms.channels import Outcome, Parcel, Result, webhook
from tests.comms.receivers import HttpReceiver, dripping_port, http_receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as running:
        yield running


def send(receiver: HttpReceiver, path: str, *, seconds: float = 8.0, secret: str = SECRET) -> Outcome:
    parcel = Parcel(
        "msg_1", receiver.url(path), {"type": "incident.update", "data": {"text": "Größe"}}, secret=secret
    )
    return webhook.send(parcel, now=datetime.now(UTC), allowed={receiver.place}, seconds=seconds)


def test_the_receiver_can_verify_what_it_got(receiver: HttpReceiver) -> None:
    outcome = send(receiver, "/ok")

    receipt = receiver.receipts[0]
    assert outcome.result is Result.SENT
    assert receipt.headers["webhook-id"] == "msg_1"
    assert Webhook(SECRET).verify(receipt.body, receipt.headers)["data"] == {"text": "Größe"}


def test_without_a_secret_nothing_is_sent(receiver: HttpReceiver) -> None:
    outcome = send(receiver, "/ok", secret="")

    assert outcome.result is Result.REFUSED
    assert receiver.receipts == []


def test_an_address_inside_is_refused_and_never_dialled(receiver: HttpReceiver) -> None:
    parcel = Parcel("msg_1", receiver.url("/ok"), {}, secret=SECRET)

    outcome = webhook.send(parcel, now=datetime.now(UTC), allowed=())

    assert outcome.result is Result.REFUSED
    assert receiver.receipts == []


def test_a_redirect_is_not_followed(receiver: HttpReceiver) -> None:
    outcome = send(receiver, "/302")

    assert outcome.result is Result.RETRY
    assert "redirect" in outcome.detail
    assert receiver.at("/inside") == []


def test_an_error_answer_is_worth_another_try_and_its_text_is_shown_to_nobody(receiver: HttpReceiver) -> None:
    outcome = send(receiver, "/500")

    assert (outcome.result, outcome.detail, outcome.lane_ok) == (Result.RETRY, "Answered 500.", False)


def test_the_wait_that_a_receiver_asks_for_is_taken_up(receiver: HttpReceiver) -> None:
    assert send(receiver, "/busy").retry_after == 7.0


@pytest.mark.parametrize("path", ["/hang", "/drip-head"])
def test_a_receiver_that_does_not_answer_costs_the_exchange_time_and_no_more(
    receiver: HttpReceiver, path: str
) -> None:
    begun = time.monotonic()

    outcome = send(receiver, path, seconds=1.0)

    assert outcome.result is Result.RETRY
    assert "No answer within 1 seconds" in outcome.detail
    assert 0.9 <= time.monotonic() - begun < 4.0, (
        "the limit is a second; a hanging receiver would take half a minute"
    )


def test_an_answer_that_drips_after_its_status_was_taken_and_ends_in_time(receiver: HttpReceiver) -> None:
    begun = time.monotonic()

    outcome = send(receiver, "/drip", seconds=1.0)

    assert outcome.result is Result.SENT
    assert time.monotonic() - begun < 2.0


def test_of_a_huge_answer_only_the_start_is_read(receiver: HttpReceiver) -> None:
    begun = time.monotonic()

    outcome = send(receiver, "/huge")

    assert outcome.result is Result.SENT
    assert time.monotonic() - begun < 2.0


def test_a_tls_handshake_that_drips_ends_in_time() -> None:
    with dripping_port(b"\x16\x03\x03\x40\x00" + b"\x02" * 600) as port:
        begun = time.monotonic()
        parcel = Parcel("msg_1", f"https://127.0.0.1:{port}/", {}, secret=SECRET)

        outcome = webhook.send(parcel, now=datetime.now(UTC), allowed={f"127.0.0.1:{port}"}, seconds=1.0)

    assert outcome.result is Result.RETRY
    assert time.monotonic() - begun < 2.0


def test_a_refused_connection_is_worth_another_try() -> None:
    parcel = Parcel("msg_1", "http://127.0.0.1:9/", {}, secret=SECRET)

    outcome = webhook.send(parcel, now=datetime.now(UTC), allowed={"127.0.0.1:9"})

    assert (outcome.result, outcome.detail) == (Result.RETRY, "The connection was refused.")


def test_proxy_variables_of_the_environment_are_not_obeyed(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    assert send(receiver, "/ok").result is Result.SENT


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("86400", 300.0),
        ("Sat, 14 Mar 2026 02:47:30 GMT", 30.0),
        ("soon", None),
        ("-5", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_capped_at_five_minutes(
    header: str | None, seconds: float | None
) -> None:
    now = datetime(2026, 3, 14, 2, 47, tzinfo=UTC)

    assert webhook._retry_after(header, now) == seconds


def test_a_signature_outside_the_tolerance_does_not_verify(receiver: HttpReceiver) -> None:
    parcel = Parcel("msg_1", receiver.url("/ok"), {}, secret=SECRET)
    webhook.send(parcel, now=datetime.now(UTC) - timedelta(minutes=6), allowed={receiver.place})

    with pytest.raises(Exception, match="too old"):
        Webhook(SECRET).verify(receiver.receipts[0].body, receiver.receipts[0].headers)


def test_secrets_do_not_show_in_a_parcel() -> None:
    assert SECRET not in repr(Parcel("msg_1", "https://a.example/", {}, secret=SECRET))
    assert ssl.create_default_context().check_hostname

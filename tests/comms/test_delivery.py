"""Delivery with real receivers: one bad destination holds up no other, and every outcome is written (F2, F10, F12, F32)."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings
from standardwebhooks import Webhook

from comms import delivery, outbox
from comms.channels import Outcome, Parcel, Result, webhook
from comms.delivery import Senders, Traffic, deliver
from comms.models import Breaker, Channel, Message, Priority
from comms.outbox import NewMessage
from incidentdesk.kernel import leaving, links
from incidents.models import Deadline
from tests.at_once import at_once
from tests.comms.makers import T0, claim, hook, mail, make_client, make_incident, put, state
from tests.comms.receivers import HttpReceiver, MailServer, http_receiver, mail_server
from tests.held import held

pytestmark = pytest.mark.django_db

SENT = Outcome(Result.SENT)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(autouse=True)
def deployed(settings: Settings, tmp_path: Path) -> None:
    settings.WEBHOOK_SECRET = SECRET
    settings.EMAIL_HOST = ""
    settings.DATA_DIR = tmp_path
    settings.OUTBOUND_ALLOW = []


@pytest.fixture
def receiver(settings: Settings) -> Iterator[HttpReceiver]:
    with http_receiver() as running:
        settings.OUTBOUND_ALLOW = [running.place]
        yield running


@pytest.fixture
def smtp(settings: Settings) -> Iterator[MailServer]:
    with mail_server() as running:
        settings.EMAIL_HOST, settings.EMAIL_PORT = running.host, running.port
        yield running


def wall() -> datetime:
    return datetime.now(UTC)


def recording(sent: list[str], outcome: Outcome = SENT) -> Senders:
    def send(parcel: Parcel, now: datetime) -> Outcome:
        sent.append(parcel.dest)
        return outcome

    return dict.fromkeys(Channel, send)


def test_a_due_webhook_is_sent_signed_and_settled(receiver: HttpReceiver) -> None:
    (message,) = put(hook("a", receiver.url("/ok")), now=wall())

    counts = deliver(wall)

    receipt = receiver.receipts[0]
    assert counts == {"claimed": 1, "sent": 1}
    assert receipt.headers["webhook-id"] == message.uid
    assert Webhook(SECRET).verify(receipt.body, receipt.headers) == {"type": "test", "data": {"key": "a"}}
    assert Message.objects.get().sent_at is not None


def test_a_client_s_webhook_is_signed_with_that_client_s_secret(receiver: HttpReceiver) -> None:
    own = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
    client = make_client("Alpha", webhook_secret=own)
    row = NewMessage(
        "a", Channel.WEBHOOK, receiver.url("/ok"), {"type": "test", "data": {}, "client": client.pk}
    )
    put(row, now=wall())

    deliver(wall)

    receipt = receiver.receipts[0]
    assert Webhook(own).verify(receipt.body, receipt.headers) == {"type": "test", "data": {}}


def test_every_retry_carries_the_same_webhook_id(receiver: HttpReceiver) -> None:
    put(hook("a", receiver.url("/500")), now=wall())
    later = wall()

    for hours in range(3):
        deliver(lambda hours=hours: later + timedelta(hours=hours))  # type: ignore[misc]

    assert len(receiver.receipts) == 3
    assert len({receipt.headers["webhook-id"] for receipt in receiver.receipts}) == 1
    assert (state("a"), Message.objects.get().last_error) == ("pending", "Answered 500.")


def test_a_mail_goes_to_the_server_once(smtp: MailServer) -> None:
    put(*(mail(f"m{n}", f"p{n}@desk.example") for n in range(12)), now=wall())

    counts = deliver(wall)

    assert counts["sent"] == 12
    assert sorted(str(one["To"]) for one in smtp.mails) == sorted(f"p{n}@desk.example" for n in range(12))
    assert deliver(wall) == {}


def test_without_a_mail_server_the_mail_is_kept_and_says_so(tmp_path: Path) -> None:
    put(mail("a"), now=wall())

    deliver(wall)

    assert state("a") == "kept"
    assert Message.objects.get().last_error.startswith("Kept here, not sent")
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 1


def test_bad_receivers_of_every_kind_do_not_hold_up_the_good_one(
    settings: Settings, smtp: MailServer
) -> None:
    moods = ["/hang", "/drip-head", "/drip", "/500", "/302", "/huge", "/slow/5"]
    with ExitStack() as open_receivers:
        good = open_receivers.enter_context(http_receiver())
        bad = {mood: open_receivers.enter_context(http_receiver()) for mood in moods}
        settings.OUTBOUND_ALLOW = [good.place, *(receiver.place for receiver in bad.values())]
        rows = [hook(f"{mood}{n}", receiver.url(mood)) for n in range(4) for mood, receiver in bad.items()]
        put(*rows, *(hook(f"good{n}", good.url("/ok")) for n in range(10)), mail("mail"), now=wall())
        begun = time.monotonic()

        deliver(wall, senders=_hasty(settings.OUTBOUND_ALLOW, seconds=1.0), seconds=3.0)

        spent = time.monotonic() - begun
        late = max(receipt.at for receipt in good.receipts) - begun
        assert all(receiver.receipts for receiver in bad.values())
        assert bad["/302"].at("/inside") == []
    assert {state(f"good{n}") for n in range(10)} == {"sent"}
    assert len(smtp.mails) == 1
    assert late < 1.5
    assert spent < 15


def _hasty(allowed: list[str], *, seconds: float) -> Senders:
    return {
        **delivery.shipped(),
        Channel.WEBHOOK: lambda parcel, now: webhook.send(parcel, now=now, allowed=allowed, seconds=seconds),
    }


def test_a_message_put_while_a_slow_one_is_out_is_sent_at_once() -> None:
    slow_is_out, sent = threading.Event(), []

    def send(parcel: Parcel, now: datetime) -> Outcome:
        if "slow" in parcel.dest:
            slow_is_out.set()
            time.sleep(1.5)
        sent.append((parcel.dest, time.monotonic()))
        return Outcome(Result.SENT)

    put(hook("slow", "https://slow.example/"), now=T0)
    clock: list[datetime] = []

    def now() -> datetime:
        clock.append(T0)
        if slow_is_out.is_set() and not Message.objects.filter(dedupe_key="quick").exists():
            put(hook("quick", "https://quick.example/"), now=T0)
        return T0

    deliver(now, senders=dict.fromkeys(Channel, send))

    assert [dest for dest, _ in sent] == ["https://quick.example/", "https://slow.example/"]


def test_a_page_overtakes_more_hanging_destinations_than_there_are_threads() -> None:
    all_out = threading.Barrier(delivery.THREADS + 1)
    over = threading.Event()
    paged: list[bool] = []

    def send(parcel: Parcel, now: datetime) -> Outcome:
        if parcel.dest == "oncall@desk.example":
            paged.append(over.is_set())
            over.set()
        elif not over.is_set():
            all_out.wait(5)
            over.wait(5)
        return Outcome(Result.SENT)

    put(*(hook(f"m{n}", f"https://host{n}.example/") for n in range(delivery.THREADS + 3)))

    def now() -> datetime:
        if Message.objects.filter(state="leased").count() > delivery.THREADS and not Message.objects.filter(
            priority=0
        ):
            all_out.wait(5)
            put(mail("page", "oncall@desk.example", priority=Priority.PAGE))
        return T0

    deliver(now, senders=dict.fromkeys(Channel, send))

    assert paged == [False]
    assert set(Message.objects.values_list("state", flat=True)) == {"sent"}


def test_a_message_that_cannot_be_made_up_dies_alone() -> None:
    sent: list[str] = []
    broken = NewMessage("broken", Channel.EMAIL, "a@desk.example", {"no": "subject"})
    put(broken, mail("before", "b@desk.example"), mail("after", "c@desk.example"))

    for minutes in range(4):
        deliver(lambda minutes=minutes: T0 + timedelta(minutes=minutes))  # type: ignore[misc]

    row = Message.objects.get(dedupe_key="broken")
    assert (row.state, row.attempt, row.faults) == ("dead", 3, 3)
    assert row.last_error == "The desk could not make up this message (KeyError)."
    assert {state("before"), state("after")} == {"kept"}
    assert sent == []


def test_a_tripped_lane_sends_one_probe_and_keeps_the_rest_back() -> None:
    tried: list[str] = []
    put(*(hook(f"m{n}", f"https://bad.example/{n}") for n in range(8)))
    Breaker.objects.create(lane="webhook:bad.example:443", failures=5, open_until=T0 - timedelta(seconds=1))

    deliver(lambda: T0, senders=recording(tried, Outcome(Result.RETRY, "No.")))

    assert len(tried) == 1
    assert Breaker.objects.get().open_until == T0 + timedelta(seconds=30)
    assert claim(T0 + timedelta(seconds=29)) == []


def test_five_failures_in_a_row_stop_the_sixth_try() -> None:
    tried: list[str] = []
    senders = recording(tried, Outcome(Result.RETRY, "No.", retry_after=1.0))
    put(hook("a", "https://bad.example/"))

    for minute in range(5):
        deliver(lambda minute=minute: T0 + timedelta(minutes=10 * minute), senders=senders)  # type: ignore[misc]
    put(hook("b", "https://bad.example/"))
    deliver(lambda: T0 + timedelta(minutes=40, seconds=29), senders=senders)

    assert len(tried) == 5


def test_a_page_is_tried_although_its_lane_is_tripped() -> None:
    tried: list[str] = []
    (page,) = put(mail("page", priority=Priority.PAGE))
    Breaker.objects.create(lane=page.lane, failures=9, open_until=T0 + timedelta(seconds=30))

    deliver(lambda: T0, senders=recording(tried))

    assert tried == [page.dest]


def test_a_page_that_cannot_be_sent_is_given_up_after_a_quarter_of_an_hour_and_people_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr(outbox, "dead_hooks", [lambda message, now: told.append(message.dedupe_key)])
    incident = make_incident()
    put(mail("page", priority=Priority.PAGE, incident_id=incident.pk))
    senders = recording([], Outcome(Result.RETRY, "The mail server refused the connection."))

    for minutes in (0, 7, 14, 20):
        deliver(lambda minutes=minutes: T0 + timedelta(minutes=minutes), senders=senders)  # type: ignore[misc]

    assert (state("page"), told) == ("dead", ["page"])
    incident.refresh_from_db()
    assert incident.rev == 4


def test_a_lost_answer_to_the_settling_commit_sends_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    put(mail("a"))
    real, answers = outbox.settle_many, iter([True, False, False])

    def settle_and_lose_the_answer(*args: Any, **kwargs: Any) -> object:
        done = real(*args, **kwargs)
        if next(answers):
            raise OperationalError("the connection was lost")
        return done

    monkeypatch.setattr(outbox, "settle_many", settle_and_lose_the_answer)
    monkeypatch.setattr(delivery, "connection", _Disconnected())
    monkeypatch.setattr(time, "sleep", lambda seconds: None)

    deliver(lambda: T0, senders=recording(sent))
    deliver(lambda: T0 + timedelta(minutes=5), senders=recording(sent))

    assert (len(sent), state("a")) == (1, "sent")


class _Disconnected:
    in_atomic_block = False

    def close(self) -> None:
        """Nothing to close: the test's own connection goes on."""


def test_one_run_of_a_process_claims_at_a_time() -> None:
    traffic = Traffic()
    put(mail("a"))
    traffic.gate.acquire()

    assert deliver(lambda: T0, traffic=traffic) == {}
    traffic.gate.release()
    assert deliver(lambda: T0, traffic=traffic)["kept"] == 1
    assert (traffic.gate.locked(), traffic.lanes) == (False, set())


def test_a_lane_that_another_run_still_serves_is_not_claimed() -> None:
    traffic = Traffic(lanes={"webhook:slow.example:443"})
    sent: list[str] = []
    put(hook("a", "https://slow.example/"), hook("b", "https://other.example/"))

    deliver(lambda: T0, senders=recording(sent), traffic=traffic)

    assert sent == ["https://other.example/"]


def test_a_lane_gives_back_what_it_has_no_time_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "LANE_SECONDS", 0.1)
    sent: list[str] = []

    def slowly(parcel: Parcel, now: datetime) -> Outcome:
        time.sleep(0.15)
        sent.append(parcel.dest)
        return Outcome(Result.SENT)

    put(*(hook(f"m{n}", f"https://slow.example/{n}") for n in range(3)))
    deliver(lambda: T0, senders=dict.fromkeys(Channel, slowly))

    assert sorted(sent) == [f"https://slow.example/{n}" for n in range(3)]
    assert set(Message.objects.values_list("state", flat=True)) == {"sent"}


def test_a_process_that_is_to_end_finishes_what_is_on_its_way_and_leaves_the_rest_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(*(mail(str(n), "ops@example.org") for n in range(5)), now=T0)
    sent: list[str] = []
    monkeypatch.setattr(leaving, "asked", lambda: bool(sent))

    counts = deliver(lambda: T0, senders=recording(sent))
    then = deliver(lambda: T0, senders=recording(sent))

    assert counts == {"claimed": 5, "sent": 1, "given back": 4}
    assert then == {}
    assert list(Message.objects.order_by("pk").values_list("state", flat=True)) == ["sent"] + ["pending"] * 4


@pytest.mark.django_db(transaction=True)
def test_two_deliverers_send_two_hundred_messages_once_each(smtp: MailServer) -> None:
    put(*(mail(f"m{n}", f"p{n}@desk.example") for n in range(200)), now=wall())

    at_once(*[partial(deliver, wall)] * 2)

    seen = [str(one["Message-ID"]) for one in smtp.mails]
    assert len(seen) == len(set(seen)) == 200
    assert set(Message.objects.values_list("state", flat=True)) == {"sent"}


@pytest.mark.django_db(transaction=True)
def test_under_a_short_lease_nothing_waits_in_a_lane_until_another_deliverer_may_send_it() -> None:
    sent: list[str] = []
    put(*(hook(f"m{n}", f"https://slow.example/{n}") for n in range(6)), now=wall())

    def slowly(parcel: Parcel, now: datetime) -> Outcome:
        time.sleep(0.4)
        sent.append(parcel.uid)
        return SENT

    def work() -> None:
        while Message.objects.exclude(state="sent").exists():
            deliver(wall, senders=dict.fromkeys(Channel, slowly), lease=timedelta(seconds=1.2))
            time.sleep(0.05)

    at_once(*[work] * 2)

    assert len(sent) == len(set(sent)) == 6


def test_words_of_an_update_and_of_a_plain_message_make_the_same_parcel() -> None:
    (message,) = put(mail("a", payload={"subject": "S", "body": "B", "thread": "t"}))

    packed = delivery.parcel([message], {}, {})

    assert packed == replace(packed, payload={"subject": "S", "body": "B", "thread": "t"}, secret="")
    assert packed.uid == message.uid


def test_a_secret_link_is_written_out_when_the_mail_leaves_and_stands_nowhere_before() -> None:
    nonce, digest = links.new()
    link = {"says": "Acknowledge:", "path": "/ack/", "nonce": nonce, "digest": digest}
    (message,) = put(mail("a", payload={"subject": "S", "body": "What is wrong.\n\nThe room", "link": link}))

    packed = delivery.parcel([message], {}, {})

    secret = links.token(nonce, digest)
    assert packed.payload == {
        "subject": "S",
        "body": f"What is wrong.\n\nAcknowledge:\nhttp://127.0.0.1:8000/ack/{secret}/\n\nThe room",
    }
    assert secret not in str(Message.objects.values().get())


def test_while_a_deadline_is_overdue_pages_go_first_and_the_rest_not_much_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    incident = make_incident()
    due = wall() - timedelta(seconds=5)
    Deadline.objects.create(
        incident=incident, clock="ic", subject="", occurrence=1, step="overdue", due_at=due, driven=False
    )
    now = wall() - timedelta(seconds=1)
    sent: list[str] = []
    put(mail("notice", due_at=now), mail("page", due_at=now, priority=Priority.PAGE))
    monkeypatch.setattr(delivery, "HOLD_SECONDS", 0.3)

    began = time.monotonic()
    deliver(wall, senders=recording(sent))

    assert len(sent) == 2
    assert time.monotonic() - began >= 0.3
    assert [message.dedupe_key for message in Message.objects.order_by("sent_at")] == ["page", "notice"]


@pytest.mark.django_db(transaction=True)
def test_an_act_that_stands_still_keeps_no_other_incidents_mail_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "HELD_SECONDS", 0.2)
    frozen, other = make_incident(), make_incident("INC-2026-0002")
    put(mail("a", incident_id=frozen.pk), mail("b", incident_id=other.pk))

    with held("SELECT 1 FROM incidents_incident WHERE id = %s FOR NO KEY UPDATE", frozen.pk):
        deliver(lambda: T0, senders=recording(sent := []), seconds=0.2)
        standing = {"a": state("a"), "b": state("b")}

    assert len(sent) == 2
    assert standing == {"a": "leased", "b": "sent"}


@pytest.mark.django_db(transaction=True)
def test_what_was_sent_while_its_incident_was_held_is_settled_once_it_is_free() -> None:
    incident = make_incident()
    put(mail("a", incident_id=incident.pk))

    with ExitStack() as stack:
        stack.enter_context(
            held("SELECT 1 FROM incidents_incident WHERE id = %s FOR NO KEY UPDATE", incident.pk)
        )
        free = threading.Timer(0.5, stack.pop_all().close)
        free.start()
        counts = deliver(lambda: T0, senders=recording([]))

    assert (state("a"), counts["sent"], counts["lost lease"]) == ("sent", 1, 0)

"""The check of the whole desk: what it finds, whom it tells, and when it says outside that all is well (N7)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from comms.models import Breaker, Message, Way
from desk import auditor, health, heartbeats
from desk.board import attention
from incidentdesk.kernel import clock
from incidents.models import Deadline
from tests.comms.makers import mail, put
from tests.comms.receivers import HttpReceiver, http_receiver
from tests.factories import make_incident, minutes
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def now() -> datetime:
    return clock.now()


@pytest.fixture
def monitor(settings: Any) -> Iterator[HttpReceiver]:
    with http_receiver() as receiver:
        settings.DEADMAN_URL = receiver.url("/ok/secret-of-the-monitor")
        settings.OUTBOUND_ALLOW = [receiver.place]
        yield receiver


def all_live(at: datetime) -> None:
    for name in (heartbeats.BEAT, heartbeats.KEEPER, heartbeats.worker()):
        heartbeats.beat(name, now=at)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_a_desk_on_which_all_is_well_says_so_outside(now: datetime, monitor: HttpReceiver) -> None:
    all_live(now)

    assert auditor.look(now=now, since=now) == []

    assert [receipt.path for receipt in monitor.receipts] == ["/ok/secret-of-the-monitor"]
    assert heartbeats.last(auditor.PASSED) == heartbeats.last(auditor.PINGED) == now


@pytest.mark.parametrize("silent", [heartbeats.BEAT, heartbeats.KEEPER, heartbeats.WORKER])
def test_a_process_without_a_sign_of_life_ends_the_pings(
    now: datetime, monitor: HttpReceiver, silent: str
) -> None:
    all_live(now - seconds(31))
    for name in {heartbeats.BEAT, heartbeats.KEEPER, heartbeats.WORKER} - {silent}:
        heartbeats.beat(heartbeats.worker() if name == heartbeats.WORKER else name, now=now)

    (fault,) = auditor.look(now=now, since=now)

    assert auditor.NEEDED[silent] in fault and "31 s" in fault
    assert monitor.receipts == []


def late_deadline(now: datetime) -> str:
    make_incident(declared_at=now - minutes(10))
    return "A deadline has waited"


def failing_deadline(now: datetime) -> str:
    make_incident(declared_at=now)
    Deadline.objects.filter(pk=Deadline.objects.first().pk).update(  # type: ignore[union-attr]
        due_at=now + minutes(1), last_error="ValueError: broken"
    )
    return "could not be carried out"


def late_message(now: datetime) -> str:
    put(mail("late"), now=now - seconds(31))
    return "A message has waited for 31 s"


def mail_refused(now: datetime) -> str:
    Breaker.objects.create(lane="email.2", failures=5, open_until=now + seconds(10))
    return "The mail server does not take mail"


@pytest.mark.parametrize("break_it", [late_deadline, failing_deadline, late_message, mail_refused])
def test_work_that_is_not_done_ends_the_pings(now: datetime, monitor: HttpReceiver, break_it: Any) -> None:
    all_live(now)
    sentence = break_it(now)

    faults = auditor.look(now=now, since=now)

    assert sentence in " ".join(faults)
    assert monitor.receipts == []


def test_a_destination_that_is_down_is_not_a_desk_that_is_down(now: datetime) -> None:
    all_live(now)
    put(mail("client"), now=now - minutes(2))
    lane = Message.objects.get().lane
    Message.objects.update(lane="webhook:hooks.example.org:443")
    Breaker.objects.create(lane="webhook:hooks.example.org:443", failures=5, open_until=now + seconds(10))

    assert lane != "webhook:hooks.example.org:443"
    assert auditor.faults(now=now) == []


def test_a_page_that_waits_for_its_way_is_not_late_until_the_way_is_free(now: datetime) -> None:
    all_live(now)
    put(mail("page:first", bundles=True), mail("page:second", bundles=True), now=now - seconds(50))
    Message.objects.filter(dedupe_key="page:first").update(state="sent", sent_at=now - seconds(50))
    Way.objects.create(
        channel="email", dest=Message.objects.get(state="pending").dest, free_at=now + seconds(10)
    )

    waits = auditor.faults(now=now), health.reading(now=now)["outbox"]["late"]
    all_live(now + seconds(41))
    over = auditor.faults(now=now + seconds(41)), health.reading(now=now + seconds(41))["outbox"]["late"]

    assert waits == ([], 0.0)
    assert over == (["A message has waited for 31 s."], 31.0)


def test_administrators_hear_after_three_looks_once_until_a_look_passes_again(now: datetime) -> None:
    make_user("Ada", roles=["admin"], email="ada@desk.example")
    all_live(now)
    auditor.look(now=now, since=now)

    def told(at: int, *, well: bool = False) -> int:
        then = now + seconds(at)
        if well:
            all_live(then)
        auditor.look(now=then, since=now)
        Message.objects.update(state="sent", sent_at=then)  # or what tells of a fault would be late itself
        return Message.objects.count()

    assert [told(60), told(89)] == [0, 0]
    assert [told(90), told(120)] == [1, 1]
    assert told(150, well=True) == 1
    assert [told(239), told(240), told(300)] == [1, 2, 2]
    assert "There has been no sign of beat for 90 s." in Message.objects.order_by("pk")[0].payload["body"]


def test_what_was_wrong_while_nothing_ran_is_no_fault_of_now(now: datetime) -> None:
    make_user("Ada", roles=["admin"], email="ada@desk.example")
    heartbeats.beat(auditor.PASSED, now=now - timedelta(hours=9))
    all_live(now - timedelta(hours=9))

    auditor.look(now=now + seconds(1), since=now)

    assert not Message.objects.exists()


def test_of_many_keepers_one_looks_in_each_interval(now: datetime) -> None:
    turns = [auditor.is_due(now=now + seconds(at)) for at in (0, 0, 29, 30, 30.5, 60)]

    assert turns == [True, False, False, True, False, True]


def test_a_monitor_that_does_not_answer_is_no_fault_of_the_desk_and_is_not_named(
    now: datetime, monitor: HttpReceiver, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DEADMAN_URL = monitor.url("/500/secret-of-the-monitor")
    all_live(now)

    assert auditor.look(now=now, since=now) == []

    assert heartbeats.last(auditor.PINGED) is None
    assert "Answered 500." in caplog.text
    assert "secret-of-the-monitor" not in caplog.text


def test_the_monitor_is_called_by_the_rules_for_every_outgoing_call(
    now: datetime, monitor: HttpReceiver, settings: Any
) -> None:
    settings.OUTBOUND_ALLOW = []
    all_live(now)

    auditor.look(now=now, since=now)

    assert monitor.receipts == []
    assert heartbeats.last(auditor.PINGED) is None


def test_administrators_see_on_the_desk_that_the_check_fails_or_has_stopped_and_that_nobody_watches(
    now: datetime, settings: Any
) -> None:
    ada = make_user("Ada", roles=["admin"], email="ada@desk.example")
    settings.EMAIL_HOST = "mail.example"

    def shown(at: float) -> set[str]:
        return {line.name for line in attention.lines(ada, now=now + seconds(at))}

    unwatched = shown(0)
    settings.DEADMAN_URL = "https://monitor.example/ping"
    unseen = shown(0)
    auditor.look(now=now, since=now)
    failed = shown(1)
    all_live(now + seconds(30))
    Message.objects.all().delete()
    auditor.look(now=now + seconds(30), since=now)

    assert unwatched == {"monitor"}
    assert unseen == set()
    assert failed == {"check"}
    assert shown(31) == set()
    assert shown(121) == {"check"}

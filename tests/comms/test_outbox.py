"""The outbox: once per key, leased to one, settled by the holder of the attempt alone (2.1, F2, F32)."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from comms import breakers, outbox
from comms.channels import Outcome, Result
from comms.models import Breaker, Message, Priority, State
from tests.at_once import at_once
from tests.comms.makers import LEASE, T0, claim, hook, mail, make_incident, put, state

pytestmark = pytest.mark.django_db

SENT = Outcome(Result.SENT)
RETRY = Outcome(Result.RETRY, "Answered 500.")


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    heard: list[int] = []
    monkeypatch.setattr(outbox, "ring", lambda: heard.append(1))
    return heard


@pytest.fixture
def told() -> Iterator[list[str]]:
    heard: list[str] = []

    def hook(message: Message, now: object) -> None:
        heard.append(f"{message.dedupe_key}: {message.last_error}")

    outbox.dead_hooks.append(hook)
    yield heard
    outbox.dead_hooks.remove(hook)


def test_one_key_is_one_message_however_often_it_is_put() -> None:
    assert outbox.put([mail("a"), mail("b")], now=T0) == 2
    assert outbox.put([mail("b"), mail("c"), mail("c")], now=T0) == 1
    assert Message.objects.count() == 3


def test_many_messages_are_put_by_one_statement(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        outbox.put([mail(f"m{n}") for n in range(200)], now=T0)


def test_the_door_is_rung_after_the_commit_and_not_before(
    rings: list[int], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        put(mail("a"), mail("b"))
        before = list(rings)

    assert before == []
    assert rings == [1]


def test_a_driven_incident_and_a_drill_send_nothing(rings: list[int]) -> None:
    driven = make_incident("INC-2026-0002", time="driven")
    drill = make_incident("DRILL-0001", kind="drill")

    put(mail("a", incident_id=driven.pk), mail("b", incident_id=drill.pk))

    assert {state("a"), state("b")} == {State.SIMULATED}
    assert claim(T0 + timedelta(days=1)) == []


def test_pages_go_first_and_then_what_was_due_first() -> None:
    put(
        mail("late", due_at=T0 - timedelta(seconds=1)),
        mail("early", due_at=T0 - timedelta(seconds=9)),
        mail("notice", priority=Priority.NOTICE),
        mail("page", priority=Priority.PAGE),
        mail("tomorrow", due_at=T0 + timedelta(days=1)),
    )

    assert [message.dedupe_key for message in claim()] == ["page", "notice", "early", "late"]


def test_a_claim_is_a_lease_that_ends() -> None:
    put(mail("a"))

    first = claim()
    during = claim(T0 + LEASE - timedelta(microseconds=1))
    after = claim(T0 + LEASE)

    assert [message.attempt for message in first] == [1]
    assert during == []
    assert [message.attempt for message in after] == [2]


def test_one_busy_destination_fills_no_batch() -> None:
    put(
        *(hook(f"slow{n}", "https://slow.example/x") for n in range(60)),
        hook("good", "https://good.example/x"),
    )

    claimed = claim(limit=50)

    assert sum(message.lane == "webhook:slow.example:443" for message in claimed) == outbox.PER_LANE
    assert "good" in {message.dedupe_key for message in claimed}


def test_lanes_in_use_are_left_alone() -> None:
    put(hook("a", "https://a.example/"), hook("b", "https://b.example/"))

    assert [message.dedupe_key for message in claim(busy=("webhook:a.example:443",))] == ["b"]


def test_pages_have_lanes_of_their_own() -> None:
    page, update = put(mail("page", priority=Priority.PAGE), mail("update"))

    assert page.lane.startswith("page.")
    assert update.lane.startswith("email.")


@pytest.mark.parametrize(
    ("outcome", "becomes"),
    [
        (SENT, "sent"),
        (Outcome(Result.KEPT, "Kept here."), "kept"),
        (RETRY, "pending"),
        (Outcome(Result.REFUSED), "dead"),
    ],
)
def test_settling_writes_the_state_and_raises_the_incident_s_rev(outcome: Outcome, becomes: str) -> None:
    incident = make_incident()
    put(mail("a", incident_id=incident.pk))
    (message,) = claim()

    outbox.settle(message, outcome, now=T0)

    incident.refresh_from_db()
    assert state("a") == becomes
    assert incident.rev == 1


def test_a_worker_that_comes_late_changes_nothing() -> None:
    incident = make_incident()
    put(mail("a", incident_id=incident.pk))
    (zombie,) = claim()
    (holder,) = claim(T0 + LEASE)

    late = outbox.settle(zombie, RETRY, now=T0 + LEASE)
    right = outbox.settle(holder, SENT, now=T0 + LEASE)
    again = outbox.settle(holder, RETRY, now=T0 + LEASE)

    incident.refresh_from_db()
    assert (late, right, again) == (None, State.SENT, None)
    assert state("a") == "sent"
    assert incident.rev == 1


def test_a_batch_is_settled_whole_but_for_what_another_holds() -> None:
    one, two = make_incident("INC-2026-0001"), make_incident("INC-2026-0002")
    put(mail("a", incident_id=one.pk), mail("b", incident_id=one.pk), mail("c", incident_id=two.pk))
    mine = {message.dedupe_key: message for message in claim()}
    Message.objects.filter(dedupe_key="c").update(attempt=2)

    states = outbox.settle_many([(mine["a"], SENT), (mine["b"], RETRY), (mine["c"], SENT)], now=T0)

    one.refresh_from_db()
    two.refresh_from_db()
    assert states == {mine["a"].pk: State.SENT, mine["b"].pk: State.PENDING}
    assert [state(key) for key in "abc"] == ["sent", "pending", "leased"]
    assert (one.rev, two.rev) == (1, 0)


def test_failures_of_one_batch_count_one_by_one() -> None:
    lane = "webhook:a.example:443"

    breakers.count([(lane, False), *[(lane, True)] * 4, ("other", True)], now=T0)
    after_four = breakers.tripped([lane])
    breakers.count([(lane, True), (lane, False), (lane, True)], now=T0)
    after_a_success = Breaker.objects.get(lane=lane).failures
    breakers.count([(lane, True)] * 4, now=T0)

    assert after_four == set()
    assert after_a_success == 1
    assert breakers.tripped([lane, "other"]) == {lane}


def test_people_are_told_of_a_message_given_up(told: list[str]) -> None:
    put(mail("a"))
    (message,) = claim()

    outbox.settle(message, Outcome(Result.REFUSED, "The recipient is not a mail address."), now=T0)

    assert told == ["a: The recipient is not a mail address."]
    assert Message.objects.get().last_error == "The recipient is not a mail address."


def test_a_failing_note_to_people_does_not_undo_the_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(message: Message, now: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    monkeypatch.setattr(outbox, "dead_hooks", [breaks])
    put(mail("a"))
    (message,) = claim()

    outbox.settle(message, Outcome(Result.REFUSED, "No."), now=T0)

    assert state("a") == "dead"


def test_a_message_given_up_can_be_sent_again_under_the_same_key_and_id(rings: list[int]) -> None:
    incident = make_incident()
    put(mail("a", incident_id=incident.pk))
    (message,) = claim()
    outbox.settle(message, Outcome(Result.REFUSED, "No."), now=T0)
    later = T0 + timedelta(hours=9)

    assert outbox.resend(message.pk, now=later)

    (again,) = claim(later)
    assert (again.dedupe_key, again.uid) == (message.dedupe_key, message.uid)
    assert again.attempt == 2
    assert again.first_attempt_at == later


def test_what_was_sent_is_not_sent_again_by_hand() -> None:
    put(mail("a"))
    (message,) = claim()
    outbox.settle(message, SENT, now=T0)

    assert not outbox.resend(message.pk, now=T0)


def test_messages_given_back_are_due_again_and_have_not_aged() -> None:
    put(mail("a"))
    (message,) = claim()

    outbox.release([message], due_at=T0 + timedelta(seconds=3))

    back = Message.objects.get()
    assert (back.state, back.first_attempt_at) == ("pending", None)
    assert claim(T0 + timedelta(seconds=2)) == []
    assert len(claim(T0 + timedelta(seconds=3))) == 1


def test_after_five_failures_a_lane_rests_thirty_seconds_and_then_one_probe_goes() -> None:
    lane = "webhook:a.example:443"
    put(hook("a", "https://a.example/"))
    for _ in range(4):
        breakers.count([(lane, True)], now=T0)
    closed = breakers.tripped([lane])
    breakers.count([(lane, True)], now=T0)

    assert closed == set()
    assert breakers.tripped([lane]) == {lane}
    assert claim(T0 + timedelta(seconds=29)) == []
    assert not breakers.probe(lane, now=T0 + timedelta(seconds=29))
    assert breakers.probe(lane, now=T0 + timedelta(seconds=30))
    assert not breakers.probe(lane, now=T0 + timedelta(seconds=30))


def test_a_success_closes_the_breaker() -> None:
    for _ in range(5):
        breakers.count([("lane", True)], now=T0)

    breakers.count([("lane", False)], now=T0)

    assert breakers.tripped(["lane"]) == set()
    assert Breaker.objects.get().open_until is None


def test_a_page_does_not_wait_on_a_breaker() -> None:
    (page,) = put(mail("page", priority=Priority.PAGE))
    for _ in range(5):
        breakers.count([(page.lane, True)], now=T0)

    assert [message.dedupe_key for message in claim()] == ["page"]


def test_an_unreadable_address_gets_a_lane_of_its_own_and_is_stored() -> None:
    (message,) = put(hook("a", "http://user:x@evil.example/"))

    assert message.lane == "webhook:unreadable"


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_hold_the_same_message() -> None:
    put(*(hook(f"m{n}", f"https://host{n}.example/") for n in range(200)))
    held: list[list[int]] = []

    def work() -> None:
        mine: list[int] = []
        while claimed := claim(limit=7):
            mine += [message.pk for message in claimed]
        held.append(mine)

    at_once(*[work] * 4)

    every = [pk for mine in held for pk in mine]
    assert len(every) == len(set(every)) == 200
    assert set(Message.objects.values_list("attempt", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_rows_that_another_is_claiming_are_passed_over_not_waited_for() -> None:
    put(hook("a", "https://a.example/"), hook("b", "https://b.example/"))
    locked, done = threading.Event(), threading.Event()
    other: list[str] = []

    def hold() -> None:
        with transaction.atomic():
            other.extend(message.dedupe_key for message in claim(limit=1))
            locked.set()
            done.wait(10)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    locked.wait(10)
    mine = [message.dedupe_key for message in claim()]
    done.set()
    thread.join()

    assert other == ["a"]
    assert mine == ["b"]


@pytest.mark.django_db(transaction=True)
def test_a_message_lives_and_dies_with_the_fact_it_was_put_with(rings: list[int]) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        put(mail("a"))
        raise RuntimeError

    assert Message.objects.count() == 0
    assert rings == []

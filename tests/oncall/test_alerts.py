"""Alerts as rows: once however often and in whatever order they come."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import combinations
from threading import Event

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from incidentdesk.kernel import sql
from oncall import alerts
from oncall.identity import Kin, in_order
from oncall.models import Alert
from tests.at_once import at_once
from tests.factories import T0, minutes
from tests.oncall.makers import alert, make_source, receive


@pytest.mark.django_db
@pytest.mark.ledger("ALR-01")
def test_an_alert_sent_again_is_the_same_alert_counted() -> None:
    token = make_source(T0)

    first = receive(token, alert(since=T0))
    again = receive(token, alert(since=T0))

    row = Alert.objects.get()
    assert (first.new, again.new, again.alerts) == (1, 0, 1)
    assert (row.count, row.state, row.name, row.summary) == (
        2,
        "firing",
        "WriteErrors",
        "WriteErrors is high",
    )
    assert (row.service_slug, row.critical, row.starts_at, row.source) == ("ledger", True, T0, again.source)


@pytest.mark.django_db(transaction=True)
@pytest.mark.ledger("ALR-01")
def test_fifty_copies_at_once_are_one_alert() -> None:
    token = make_source(T0)

    def send(_: int) -> alerts.Stored:
        try:
            return receive(token, alert(since=T0), alert("Lag", since=T0))
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as crowd:
        answers = list(crowd.map(send, range(50)))

    assert all(answer.known for answer in answers)
    assert sum(answer.new for answer in answers) == 2
    assert sorted(Alert.objects.values_list("name", "count")) == [("Lag", 50), ("WriteErrors", 50)]


@pytest.mark.django_db
def test_an_end_that_comes_first_keeps_its_late_firing_from_firing() -> None:
    token = make_source(T0)

    receive(token, alert(since=T0, until=T0 + minutes(3)))
    receive(token, alert(since=T0))

    row = Alert.objects.get()
    assert (row.state, row.fired, row.ends_at) == ("resolved", False, T0 + minutes(3))


@pytest.mark.django_db
def test_a_shuffled_stream_ends_where_the_ordered_one_does() -> None:
    dice = random.Random(19)

    sources = [make_source(T0), make_source(T0)]
    for stream in range(200):
        events = []
        for n in range(dice.randint(1, 5)):
            begins = T0 + minutes(10 * n)
            events.append(alert(f"A{stream}", since=begins))
            if dice.random() < 0.8:
                events.append(alert(f"A{stream}", since=begins, until=begins + minutes(dice.randint(1, 5))))
        for event in events:
            receive(sources[0], event)
        dice.shuffle(events)
        for event in events + events[:1]:
            receive(sources[1], event)

    def ends(source: str) -> list[tuple[object, ...]]:
        rows = Alert.objects.filter(source=source).order_by("fingerprint", "starts_at")
        return list(rows.values_list("fingerprint", "starts_at", "state", "ends_at"))

    ordered, shuffled = sorted(set(Alert.objects.values_list("source", flat=True)))
    assert ends(ordered) == ends(shuffled)


@pytest.mark.django_db
def test_an_end_only_moves_forward() -> None:
    token = make_source(T0)
    receive(token, alert(since=T0))
    receive(token, alert(since=T0, until=T0 + minutes(9)))

    receive(token, alert(since=T0, until=T0 + minutes(4)))
    receive(token, alert(since=T0))

    row = Alert.objects.get()
    assert (row.state, row.ends_at) == ("resolved", T0 + minutes(9))


@pytest.mark.django_db
def test_a_notification_costs_one_statement_token_included(monkeypatch: pytest.MonkeyPatch) -> None:
    token = make_source(T0)
    said: list[str] = []
    real = sql.run
    monkeypatch.setattr(
        sql, "run", lambda statement, *given: said.append(statement) or real(statement, *given)
    )

    with CaptureQueriesContext(connection) as all_:
        stored = receive(token, *(alert(f"A{n}", since=T0) for n in range(50)))

    assert stored.new == 50
    assert (len(said), len(all_)) == (1, 1)


@pytest.mark.django_db
def test_tokens_that_open_nothing_store_nothing() -> None:
    wrong = [
        "idesk_no_such_token",
        make_source(T0, "incidents:read"),
        make_source(T0, lasts_until=T0 + minutes(1)),
    ]

    assert [receive(token, alert(since=T0)).known for token in wrong] == [False, False, False]
    assert not Alert.objects.exists()


@pytest.mark.django_db
def test_the_first_alert_of_every_group_is_claimed_ahead_of_a_storm() -> None:
    token = make_source(T0)
    receive(token, *(alert(f"A{n}", since=T0) for n in range(60)), group="storm")
    receive(token, alert("Odd", since=T0, service="search"), group="odd")

    claimed = alerts.claim_pending(now=T0 + timedelta(days=400), limit=5)

    assert len(claimed) == 5
    assert "Odd" in {each.name for each in claimed}


@pytest.mark.django_db
def test_a_hundred_groups_are_claimed_at_once_and_the_others_left_to_whoever_comes_next() -> None:
    token = make_source(T0)
    for n in range(103):
        receive(token, alert(f"A{n}", since=T0), alert(f"B{n}", since=T0), group=f"g{n}")

    claimed = alerts.claim_pending(now=T0 + timedelta(days=400), limit=500)

    assert len({each.group for each in claimed}) == alerts.GROUPS_AT_ONCE == 100
    assert len(claimed) == 200


def _admits(token: str) -> None:
    with transaction.atomic():
        alerts.settle(alerts.claim_pending(now=T0 + timedelta(days=400), limit=10))


def _stores(token: str) -> None:
    receive(token, alert("Z", since=T0, fingerprint="z"), alert("A", since=T0, fingerprint="a"))


def _puts_off(token: str) -> None:
    with transaction.atomic():
        found = alerts.claim_pending(now=T0 + timedelta(days=400), limit=10)
        alerts.put_off(found, until=T0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("writes", [_admits, _stores, _puts_off])
def test_all_who_write_alerts_lock_them_in_one_order(writes: Callable[[str], None]) -> None:
    token = make_source(T0)
    receive(token, alert("Z", since=T0, fingerprint="z"))
    receive(token, alert("A", since=T0, fingerprint="a"))

    def holds_the_first_and_takes_the_last() -> None:
        with transaction.atomic():
            Alert.objects.select_for_update().get(fingerprint="a")
            started.set()
            _until_somebody_waits()
            Alert.objects.select_for_update(nowait=True).get(fingerprint="z")

    def comes_between() -> None:
        started.wait(10)
        writes(token)

    started = Event()
    at_once(holds_the_first_and_takes_the_last, comes_between)


def _until_somebody_waits() -> None:
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        if sql.run(
            "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        ):
            return
    raise AssertionError("Nobody waited for the row.")


@st.composite
def firings(draw: st.DrawFn) -> list[Kin]:
    """Firings of one alert, some of them dated ahead by their source, few instants for many of them."""
    told = draw(
        st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.booleans()), min_size=1, max_size=7)
    )
    return [
        Kin(pk, "am", "fp", "g", T0 + minutes(received if ahead else start), "firing", True, T0 + minutes(received),
            ahead, None, "")
        for pk, (start, received, ahead) in enumerate(told, start=1)
    ]  # fmt: skip


@given(found=firings(), other=st.randoms(use_true_random=False))
def test_the_firings_of_an_alert_have_one_order_by_start_but_by_receipt_around_one_dated_ahead(
    found: list[Kin], other: random.Random
) -> None:
    def came(one: Kin) -> tuple[object, int]:
        return one.received_at, one.id

    ordered = in_order(found)

    assert sorted(one.id for one in ordered) == [one.id for one in found]
    assert ordered == in_order(other.sample(found, len(found)))
    for earlier, later in combinations(ordered, 2):
        first, last = sorted((earlier, later), key=came)
        if any(came(first) <= came(one) <= came(last) for one in found if one.ahead):
            assert (first, last) == (earlier, later)
        else:
            assert earlier.starts_at <= later.starts_at

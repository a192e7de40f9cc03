"""What a process guesses of an alert costs less where it is right, and changes nothing where it is wrong."""

import random
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pytest

from incidentdesk.kernel import clock, sql
from oncall import alerts, storing
from oncall.models import Alert
from people.models import ApiToken
from tests.factories import T0, minutes
from tests.oncall.makers import alert, make_source, receive

pytestmark = pytest.mark.django_db

Guesses = dict[tuple[str, str, datetime], int | None]
SENDERS = ("http://one.example", "http://two.example", "")


@pytest.fixture(autouse=True)
def guesses(monkeypatch: pytest.MonkeyPatch) -> Guesses:
    """Those of a process that has just started."""
    mine: Guesses = {}
    monkeypatch.setattr(storing, "_last", mine)
    return mine


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that are run."""
    told: list[str] = []
    real = sql.run

    def noting(text: str, *given: Any) -> list[tuple[Any, ...]]:
        told.append(text)
        return real(text, *given)

    monkeypatch.setattr(sql, "run", noting)
    return told


def noted_source() -> str:
    """A token whose use was noted just now."""
    token = make_source(T0)
    ApiToken.objects.update(last_used_at=clock.now())
    return token


def rows() -> list[dict[str, Any]]:
    """All that is stored but the times at which it came."""
    left = {"id", "source", "received_at", "heard_at", "told"}
    times = ("resolved_at", "back_at")
    return [
        {
            name: value is not None if name in times else value
            for name, value in row.items()
            if name not in left
        }
        for row in Alert.objects.order_by("fingerprint", "starts_at").values()
    ]


def test_a_new_alert_and_its_repeats_are_stored_by_the_statements_that_make_little_ready(
    said: list[str],
) -> None:
    token = noted_source()
    said.clear()

    answers = [receive(token, alert(since=T0)) for _ in range(3)]

    assert said == [storing._NEW, storing._AGAIN, storing._AGAIN]
    assert [(each.alerts, each.new, each.pending) for each in answers] == [(1, 1, 1), (1, 0, 1), (1, 0, 1)]
    row = Alert.objects.get()
    assert row.count == 3 and row.heard_at is not None and row.heard_at > row.received_at


def test_what_another_process_was_told_meanwhile_is_weighed_and_not_only_counted(guesses: Guesses) -> None:
    token = noted_source()
    receive(token, alert(since=T0), by=SENDERS[0])
    mine = dict(guesses)

    guesses.clear()
    receive(token, alert(since=T0, until=T0 + minutes(1)), by=SENDERS[0])
    guesses.clear()
    guesses.update(mine)
    receive(token, alert(since=T0), by=SENDERS[1])

    row = Alert.objects.get()
    assert (row.state, row.count, row.back_at is not None) == ("resolved", 3, True)


def test_a_reading_that_goes_back_to_what_this_process_knew_is_shown_again(guesses: Guesses) -> None:
    token, low, high = noted_source(), alert(since=T0), alert(since=T0)
    low["annotations"], high["annotations"] = {"summary": "12 % fail"}, {"summary": "90 % fail"}
    receive(token, low)
    mine = dict(guesses)

    guesses.clear()
    receive(token, high)
    guesses.clear()
    guesses.update(mine)
    receive(token, low)

    row = Alert.objects.get()
    assert (row.summary, row.count) == ("12 % fail", 3)


def test_a_repeat_of_another_senders_start_is_told_of_the_outage_and_tried_once_as_a_repeat(
    said: list[str],
) -> None:
    token = noted_source()
    receive(token, alert(since=T0), by=SENDERS[0])
    receive(token, alert(since=T0 + minutes(0.1)), by=SENDERS[1])
    first, second = Alert.objects.order_by("id")
    Alert.objects.filter(pk=second.pk).update(same_as=first, state="ended", pending=False)
    said.clear()

    for _ in range(3):
        receive(token, alert(since=T0 + minutes(0.1)), by=SENDERS[1])

    assert said == [storing._AGAIN, storing.STORE, storing.STORE, storing.STORE]
    assert list(Alert.objects.order_by("id").values_list("count", flat=True)) == [4, 1]


def test_a_token_that_opens_nothing_is_no_guess(said: list[str]) -> None:
    assert not receive("idesk_no_such_token", alert(since=T0)).known
    assert not Alert.objects.exists()


def test_the_use_of_a_token_is_noted_also_when_it_only_repeats() -> None:
    token = noted_source()
    receive(token, alert(since=T0))
    ApiToken.objects.update(last_used_at=clock.now() - minutes(2))

    assert receive(token, alert(since=T0)).noted
    assert ApiToken.objects.get().last_used_at > clock.now() - minutes(1)  # type: ignore[operator]


@pytest.mark.parametrize("seed", range(40))
def test_two_processes_with_guesses_of_their_own_end_where_the_statement_for_all_does(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = list(stream(random.Random(seed)))

    processes: tuple[Guesses, Guesses] = ({}, {})
    token = noted_source()
    for turn, (body, sender) in enumerate(told):
        monkeypatch.setattr(storing, "_last", processes[turn % 3 % 2])
        receive(token, body, by=sender)
    guessed = rows()

    Alert.objects.all().delete()
    monkeypatch.setattr(storing, "_NEW", storing.STORE)
    for body, sender in told:
        monkeypatch.setattr(storing, "_last", {})
        receive(token, body, by=sender)

    assert rows() == guessed


def stream(dice: random.Random) -> Iterable[tuple[dict[str, Any], str]]:
    """What some senders tell of two starts of one alert, in any order."""
    for _ in range(25):
        since = T0 + minutes(dice.choice((0, 30)))
        until = since + minutes(5) if dice.random() < 0.25 else None
        told = alert(since=since, until=until, severity=dice.choice(("warning", "critical")))
        told["annotations"] = {"summary": dice.choice(("12 % fail", "90 % fail")), "value": dice.choice("12")}
        yield told, dice.choice(SENDERS)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch, guesses: Guesses) -> None:
    monkeypatch.setattr(storing, "REMEMBERED", 3)
    token = noted_source()

    for number in range(8):
        receive(token, alert(f"A{number}", since=T0))

    assert len(guesses) <= 3 and Alert.objects.count() == 8
    assert alerts.any_pending(now=clock.now())

"""What becomes of a message after a try: waiting with jitter, giving up by age, faults and refusals apart (2.1, F32)."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comms.channels import Outcome, Result
from comms.models import Channel, Message, Priority, State
from comms.verdict import verdict
from tests.comms.makers import T0


def longest(least: float, most: float) -> float:
    return most


def leased(channel: Channel = Channel.EMAIL, **fields: object) -> Message:
    return Message(
        channel=channel, state=State.LEASED, due_at=T0, first_attempt_at=T0, **{"attempt": 1, **fields}
    )


@pytest.mark.parametrize(("attempt", "wait"), [(1, 2), (2, 4), (5, 32), (8, 256), (9, 300), (40, 300)])
def test_the_longest_wait_doubles_up_to_five_minutes(attempt: int, wait: int) -> None:
    result = verdict(leased(attempt=attempt), Outcome(Result.RETRY, "No."), now=T0, chance=longest)

    assert result.state is State.PENDING
    assert result.due_at == T0 + timedelta(seconds=wait)


@given(st.integers(1, 60))
def test_a_wait_is_anything_from_none_to_the_longest(attempt: int) -> None:
    result = verdict(leased(attempt=attempt), Outcome(Result.RETRY), now=T0)

    assert T0 <= result.due_at <= T0 + timedelta(seconds=min(300, 2**attempt))


@pytest.mark.parametrize(("asked", "wait"), [(7.0, 7), (0.0, 2), (9_999.0, 300)])
def test_a_receiver_s_own_wait_is_honoured_up_to_five_minutes(asked: float, wait: int) -> None:
    result = verdict(leased(), Outcome(Result.RETRY, retry_after=asked), now=T0, chance=longest)

    assert result.due_at == T0 + timedelta(seconds=wait)


@pytest.mark.parametrize(
    ("channel", "priority", "age"),
    [
        (Channel.EMAIL, Priority.PAGE, timedelta(minutes=15)),
        (Channel.EMAIL, Priority.UPDATE, timedelta(hours=6)),
        (Channel.WEBHOOK, Priority.UPDATE, timedelta(hours=24)),
    ],
)
def test_a_message_is_given_up_by_its_age(channel: Channel, priority: Priority, age: timedelta) -> None:
    message = leased(channel, priority=priority, attempt=3)

    before = verdict(message, Outcome(Result.RETRY, "No."), now=T0 + age - timedelta(seconds=1))
    at = verdict(message, Outcome(Result.RETRY, "No."), now=T0 + age)

    assert before.state is State.PENDING
    assert (at.state, at.error) == (State.DEAD, "No.")


def test_a_fault_of_our_own_is_tried_three_times() -> None:
    states = [verdict(leased(faults=faults), Outcome(Result.FAULT), now=T0).state for faults in (0, 1, 2)]

    assert states == [State.PENDING, State.PENDING, State.DEAD]


def test_failures_outside_do_not_count_as_faults() -> None:
    assert verdict(leased(attempt=50, faults=2), Outcome(Result.RETRY), now=T0).state is State.PENDING


def test_what_our_rules_forbid_is_given_up_at_once() -> None:
    result = verdict(leased(), Outcome(Result.REFUSED, "Port 22 is not one the desk calls."), now=T0)

    assert (result.state, result.error) == (State.DEAD, "Port 22 is not one the desk calls.")


def test_a_success_leaves_no_error_behind() -> None:
    assert verdict(leased(), Outcome(Result.SENT, "Answered 200."), now=T0).error == ""

"""What becomes of a message after a try: pure, with chance handed in."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from comms.channels import Outcome, Result
from comms.models import Channel, Message, Priority, State

BACKOFF_CAP: Final = 300.0
FAULTS_ALLOWED: Final = 3
PAGE_GIVES_UP: Final = timedelta(minutes=15)
GIVES_UP: Final = {
    Channel.EMAIL: timedelta(hours=6),
    Channel.WEBHOOK: timedelta(hours=24),
    Channel.LOG: timedelta(hours=6),
}


@dataclass(frozen=True)
class Verdict:
    state: State
    due_at: datetime
    faults: int
    error: str


def verdict(
    message: Message,
    outcome: Outcome,
    *,
    now: datetime,
    chance: Callable[[float, float], float] = random.uniform,
) -> Verdict:
    """The next state of a leased message. Failures go again with full jitter until the message is too old to matter.

    Age counts from the first try (a resend starts it anew); a fault of our own is tried three times, a refusal once.
    """
    faults = message.faults + (outcome.result is Result.FAULT)
    done = {Result.SENT: State.SENT, Result.KEPT: State.KEPT, Result.REFUSED: State.DEAD}.get(outcome.result)
    if done is not None:
        return Verdict(done, message.due_at, faults, "" if done is State.SENT else outcome.detail)
    if faults >= FAULTS_ALLOWED:
        return Verdict(State.DEAD, message.due_at, faults, outcome.detail)
    if now - (message.first_attempt_at or now) >= gives_up_after(message):
        return Verdict(State.DEAD, message.due_at, faults, outcome.detail)
    wait = max(chance(0.0, min(BACKOFF_CAP, 2.0 ** min(message.attempt, 10))), outcome.retry_after or 0.0)
    return Verdict(State.PENDING, now + timedelta(seconds=min(wait, BACKOFF_CAP)), faults, outcome.detail)


def gives_up_after(message: Message) -> timedelta:
    """Pages 15 minutes, mail 6 hours, webhooks 24 hours."""
    return PAGE_GIVES_UP if message.priority == Priority.PAGE else GIVES_UP[Channel(message.channel)]

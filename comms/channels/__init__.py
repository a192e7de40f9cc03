"""One `send` per channel: the only network code of the desk. What may happen to a message, in the words the outbox reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

CONNECT_SECONDS: Final = 3.0
EXCHANGE_SECONDS: Final = 8.0
ANSWER_LIMIT: Final = 64 * 1024


class Result(StrEnum):
    SENT = "sent"
    KEPT = "kept"  # no mail server is configured: filed here, not sent
    RETRY = "retry"  # the other side did not take it; worth another try
    FAULT = "fault"  # our own code failed on this message; a few tries only
    REFUSED = "refused"  # our own rules forbid it; trying again changes nothing


@dataclass(frozen=True)
class Outcome:
    """What one try came to. `detail` is one line for people; `retry_after` is seconds the receiver asked us to wait.

    `lane_ok`: the destination works and only this message was turned away, so its neighbours need not wait.
    """

    result: Result
    detail: str = ""
    retry_after: float | None = None
    lane_ok: bool = False


@dataclass(frozen=True)
class Parcel:
    """A message with all that sending needs, so that a channel reads no database. `uid` never changes between tries."""

    uid: str
    dest: str
    payload: Mapping[str, Any]
    attempt: int = 1
    secret: str = field(default="", repr=False)

"""Who may send alerts, asked before a byte of the body is read.

A token that opened the hook within the last seconds is let in to be read without a query. That gives nothing away: the
statement that stores asks again, so a token that was revoked meanwhile has its body read and thrown away.
"""

import time
from dataclasses import dataclass
from typing import Final

from incidentdesk.kernel import sql
from incidents.models import ProtocolVersion
from incidents.protocol import default_text, parse
from incidents.protocol.words import Words
from incidents.protocol.words import words as words_of
from people import tokens
from people.roles import Scope

REMEMBERED_FOR: Final = 10.0  # seconds
MOST: Final = 1_000  # of tokens that are remembered; all are forgotten where there are more


@dataclass(frozen=True, slots=True)
class Sender:
    """A live token with the scope `alerts:write`, and the source that its alerts come from."""

    token: int
    source: str


_remembered: dict[str, float] = {}
_words: dict[str, tuple[float, Words]] = {}


def may_send(token: str) -> bool:
    """Whether to read what comes with this token: it is live, or was within the last REMEMBERED_FOR."""
    if _remembered.get(tokens.digest_of(token), 0.0) > time.monotonic():
        return True
    return find(token) is not None


def find(token: str) -> Sender | None:
    """The sender with this token as the database knows it now. One prepared statement; None for any other (F30)."""
    found = sql.run(tokens.LIVE, tokens.live(token, Scope.ALERTS_WRITE))
    if not found:
        forget(token)
        return None
    if len(_remembered) >= MOST:
        _remembered.clear()
    _remembered[tokens.digest_of(token)] = time.monotonic() + REMEMBERED_FOR
    pk, user, *_ = found[0]
    return Sender(pk, source_of(user))


def words() -> Words:
    """What words of severity mean by the protocol of now; one loaded elsewhere is known here after REMEMBERED_FOR."""
    known = _words.get("")  # read once: another thread may forget them meanwhile
    if known is None or known[0] <= time.monotonic():
        text = ProtocolVersion.objects.order_by("-number").values_list("text", flat=True).first()
        known = _words[""] = (time.monotonic() + REMEMBERED_FOR, words_of(parse(text or default_text())))
    return known[1]


def forget(token: str) -> None:
    """Ask for this token again when it comes next."""
    _remembered.pop(tokens.digest_of(token), None)


def source_of(user: int) -> str:
    """The name of a source: the person or machine whose token it uses."""
    return f"alertmanager.{user}"

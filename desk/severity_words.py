"""Administrators hear once of each word of severity that the protocol does not map."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from desk import administrators
from incidents import lifecycle
from incidents.protocol import parse
from incidents.protocol.words import words
from oncall import unknown_words
from oncall.identity import Waiting

SUBJECT: Final = "Unknown severity word from {source}"
BODY: Final = """The alert {alert} came with the severity {word} from {source}.

The protocol does not map this word, so it counts as critical. Map it to critical, warning or stored in
alerts_severities of the protocol, and load the protocol. Each word is reported once.
"""


def tell(alerts: Sequence[Waiting], *, now: datetime) -> None:
    """Mail administrators of the words that these alerts brought first, in the transaction that noted them."""
    for alert in alerts:
        told = {
            "source": alert.source,
            "alert": alert.name,
            "word": f"{alert.word!r}" if alert.word else "missing",
        }
        administrators.tell(
            f"alerts.word:{alert.word}"[:150], subject=SUBJECT.format(**told), body=BODY.format(**told),
            thread="desk.words", now=now,
        )  # fmt: skip


def unmapped(now: datetime) -> int:
    """How many words that came still are not mapped by the protocol of `now`."""
    return unknown_words.unmapped(words(parse(lifecycle.current_protocol(now).text)))

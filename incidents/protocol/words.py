"""What a source's word of severity means: `alerts.severities` of the protocol (decisions 12)."""

from dataclasses import dataclass
from typing import Final

from incidents.protocol.definition import Protocol

CRITICAL: Final = "critical"
WARNING: Final = "warning"
STORED: Final = "stored"
MEANINGS: Final = (CRITICAL, WARNING, STORED)
# An alert that always fires, so that its silence is noticed. It says nothing about any service.
WATCHDOGS: Final = frozenset({"watchdog", "deadmansswitch"})


@dataclass(frozen=True)
class Words:
    """The words of one protocol, in small letters, with what each means."""

    known: dict[str, str]

    def meaning(self, word: str) -> str:
        """What a word means. One that nobody mapped counts as critical: when unsure, higher."""
        return self.known.get(word.lower(), CRITICAL)

    def meaning_of(self, word: str, name: str) -> str:
        """As `meaning`, of the alert with this name: a watchdog's is only stored, whatever its word."""
        return STORED if name.lower() in WATCHDOGS else self.meaning(word)

    def is_known(self, word: str) -> bool:
        """Whether somebody mapped it."""
        return word.lower() in self.known


def words(protocol: Protocol) -> Words:
    """The words of a protocol; those of the shipped one where it is older than the setting."""
    return Words({word.lower(): meaning for word, meaning in protocol.setting("alerts_severities").items()})

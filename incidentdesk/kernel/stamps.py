"""Stamps: moments as text of one width, so that the order of the texts is the order of the moments."""

from datetime import UTC, datetime
from typing import NewType

Stamp = NewType("Stamp", str)

_WIDTH = len("2026-03-14T02:47:00.000000Z")


def stamp(moment: datetime) -> Stamp:
    """The UTC text of an aware moment, to the microsecond. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} names no time zone, so it is no moment.")
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return Stamp(moment.isoformat(timespec="microseconds")[:-6] + "Z")  # less +00:00


def moment(text: Stamp) -> datetime:
    """The aware UTC moment a stamp names. Raises ValueError for any other text."""
    if len(text) != _WIDTH or not text.endswith("Z"):
        raise ValueError(f"{text!r} is no stamp such as 2026-03-14T02:47:00.000000Z.")
    return datetime.fromisoformat(text)  # which reads Z as UTC itself

"""The times of a scenario file: clock times of its zone, minutes since its first step, or whole dates."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

_PLUS = re.compile(r"\+(\d{1,6}(?:\.\d{1,4})?)(?: ?min)?")
_CLOCK = re.compile(r"(?:(\d{4}-\d{2}-\d{2})[T ])?(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,6})?))?(Z?)")
HOW = 'Write "02:47", "02:47:30", "+18" (minutes since the first step) or "2026-03-16 10:00".'


@dataclass(frozen=True)
class Calendar:
    """The day a file begins on, its zone, and its first instant (None until the first step is read)."""

    day: date
    zone: ZoneInfo
    zero: datetime | None = None

    def moment(self, value: Any, *, day: date | None = None) -> datetime:
        """The aware UTC moment that a value of the file means; a bare clock time is one of `day` (else the first).

        Raises ValueError with a sentence.
        """
        if isinstance(value, datetime):
            aware = value if value.tzinfo else value.replace(tzinfo=self.zone)
            return aware.astimezone(UTC)
        if isinstance(value, time):
            return self._local(day or self.day, value)
        if isinstance(value, str):
            plus = _PLUS.fullmatch(value.strip())
            if plus:
                return self._later(float(plus[1]))
            clock = _CLOCK.fullmatch(value.strip())
            if clock:
                return self._read(clock, day or self.day)
        raise ValueError(f"{value!r} is no time. {HOW}")

    def day_of(self, at: datetime) -> date:
        """The calendar day of a moment in the file's zone."""
        return at.astimezone(self.zone).date()

    def words(self, at: datetime) -> str:
        """A moment as the file writes it: the clock time, with the date where it is not the first day's."""
        local = at.astimezone(self.zone)
        text = f"{local:%H:%M:%S}" if local.second or local.microsecond else f"{local:%H:%M}"
        return text if local.date() == self.day else f"{local:%Y-%m-%d} {text}"

    def _later(self, minutes: float) -> datetime:
        if self.zero is None:
            raise ValueError(f'The first step needs a clock time; "+" counts the minutes after it. {HOW}')
        return self.zero + timedelta(minutes=minutes)

    def _read(self, found: re.Match[str], day: date) -> datetime:
        seconds = float(found[4] or 0)
        try:
            whole = time(int(found[2]), int(found[3]), int(seconds), round(seconds % 1 * 1_000_000))
            on = date.fromisoformat(found[1]) if found[1] else day
        except ValueError:
            raise ValueError(f"{found[0]!r} is no time. {HOW}") from None
        if found[5]:
            return datetime.combine(on, whole, UTC)
        return self._local(on, whole)

    def _local(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.zone).astimezone(UTC)

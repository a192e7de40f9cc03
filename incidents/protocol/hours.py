"""Protocol minutes on the wall: pace, and business hours where a clock keeps them."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from incidentdesk.kernel.stamps import Stamp, moment, stamp

Business = Mapping[str, Any]


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=4096)  # the state before an act and the one after it ask for the same instants
def later(at: Stamp, minutes: float, minute: float) -> Stamp:
    """The stamp `minutes` protocol minutes after `at`; one lasts `minute` seconds (MINUTE_SECONDS, a drill's pace)."""
    return stamp(moment(at) + timedelta(seconds=minutes * minute))


def works(day: date, business: Business) -> bool:
    """Whether the team works on a day: Monday to Friday, but for holidays."""
    return day.weekday() < 5 and day.isoformat() not in business.get("holidays", ())


def _window(day: date, business: Business, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    """The working hours of a day in UTC, or None on a day off and where the hours end before they begin."""
    if not works(day, business):
        return None
    opens, closes = time.fromisoformat(business["from"]), time.fromisoformat(business["to"])
    if opens >= closes:
        return None
    return (
        datetime.combine(day, opens, zone).astimezone(UTC),
        datetime.combine(day, closes, zone).astimezone(UTC),
    )


def _windows(start: datetime, business: Business, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """The working hours from `start` on, for about a year."""
    day = start.astimezone(zone).date()
    for n in range(-1, 400):
        window = _window(day + timedelta(days=n), business, zone)
        if window is not None and window[1] > start:
            yield window


def opening(at: Stamp, business: Business, zone: str) -> Stamp:
    """`at` itself within business hours, else the next opening; `at` where there is none within a year."""
    start = moment(at)
    first = next(_windows(start, business, _zone(zone)), None)
    return at if first is None else stamp(max(start, first[0]))


def later_open(at: Stamp, minutes: float, minute: float, business: Business, zone: str) -> Stamp:
    """The stamp `minutes` business minutes after `at` (CLK-37); Monday to Friday, the zone's own wall clock."""
    left = timedelta(seconds=minutes * minute)
    start = moment(at)
    for opens, closes in _windows(start, business, _zone(zone)):
        begin = max(opens, start)
        if begin + left <= closes:
            return stamp(begin + left)
        left -= closes - begin
    return later(at, minutes, minute)


def open_seconds(start: Stamp, end: Stamp, business: Business, zone: str) -> float:
    """Seconds of business time between two stamps."""
    first, last = moment(start), moment(end)
    total = timedelta()
    for opens, closes in _windows(first, business, _zone(zone)):
        if opens >= last:
            break
        total += max(timedelta(), min(closes, last) - max(opens, first))
    return total.total_seconds()

"""The tiles of clocks count as the incident does: by its own minute, and in business hours where a clock keeps them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from desk.room.clocks import tiles
from desk.room.shapes import ClockTile
from desk.room.words import Words
from tests.incidents.story import SARAH, Story

FRIDAY = datetime(2026, 3, 13, 16, 50, tzinfo=UTC)
MONDAY = datetime(2026, 3, 16, 9, 0, tzinfo=UTC)


def tile(story: Story, clock: str, now: datetime) -> ClockTile:
    words = Words(now=now, zone=ZoneInfo("UTC"), viewer=SARAH, people={}, today=now)
    found = tiles(story.readings(now), story.protocol, story.state, words)
    return next(each for each in found if each.id == clock)


def paged() -> Story:
    """A SEV-3 page ten minutes before the week-end; it is to be answered within 60 working minutes."""
    story = Story(zero=FRIDAY).open(3)
    story.page()
    return story


@pytest.mark.ledger("CLK-37")
def test_a_running_clock_in_business_hours_fills_by_working_time_alone() -> None:
    saturday = tile(paged(), "response", datetime(2026, 3, 14, 12, 0, tzinfo=UTC))
    monday = tile(paged(), "response", MONDAY.replace(minute=20))

    assert (saturday.spent, saturday.limit) == (600, 3600)
    assert monday.spent == 1800


@pytest.mark.ledger("CLK-37")
@pytest.mark.parametrize(("minute", "value", "note"), [(40, "50:00", ""), (55, "65:00", "missed by 05:00")])
def test_an_answer_says_how_much_working_time_it_took(minute: int, value: str, note: str) -> None:
    story = paged()
    at = MONDAY.replace(minute=minute)

    story.add(at, "page.acknowledged", SARAH, page=1)

    shown = tile(story, "response", at)
    assert shown.value in (value, f"1:{int(value[:2]) - 60:02}:00")
    assert note in shown.note


@pytest.mark.ledger("CLK-40")
def test_a_tile_of_a_faster_minute_is_filled_by_it() -> None:
    story = Story().open(1, minute=6.0).declare()

    shown = tile(story, "update-public", story.moment(0.5))  # 30 s are 5 of its minutes

    assert (shown.spent, shown.limit) == (30, 90)

"""Nights and weekends: SEV-1 and SEV-2 never pause, SEV-3 counts working minutes (CLK-37)."""

from datetime import UTC, datetime

import pytest

from incidentdesk.kernel.stamps import moment, stamp
from incidents.protocol import hours
from tests.incidents.story import BUSINESS, SARAH, Story

FRIDAY_EVENING = datetime(2026, 3, 13, 16, 50, tzinfo=UTC)


@pytest.mark.ledger("CLK-37")
@pytest.mark.parametrize(("severity", "due"), [(1, 15), (2, 30)])
def test_an_update_of_a_major_incident_is_due_on_friday_evening_all_the_same(
    severity: int, due: float
) -> None:
    story = Story(zero=FRIDAY_EVENING).lead(severity)

    assert story.minute_of(story.reading("update.responders", 0).due) == due


@pytest.mark.ledger("CLK-37")
def test_a_sev_3_update_of_friday_evening_is_due_on_monday() -> None:
    story = Story(zero=FRIDAY_EVENING).lead(3)

    reading = story.reading("update.responders", 0)

    assert reading.due == stamp(datetime(2026, 3, 16, 10, 50, tzinfo=UTC))
    assert story.reading("update.responders", datetime(2026, 3, 15, 12, 0, tzinfo=UTC)).word == "running"


@pytest.mark.ledger("CLK-37")
def test_a_sev_3_page_answered_in_its_sixtieth_working_minute_is_in_time() -> None:
    story = Story(zero=FRIDAY_EVENING).open(3)
    story.page()
    monday = datetime(2026, 3, 16, 9, 50, tzinfo=UTC)

    assert story.reading("response", 0).due == stamp(monday)

    story.add(monday, "page.acknowledged", SARAH, page=1)
    assert story.reading("response", monday).word == "met"


def test_a_raised_sev_3_stops_pausing() -> None:
    story = Story(zero=FRIDAY_EVENING).lead(3)

    story.add(2, "severity.set", SARAH, to=2, announce=True)

    assert story.minute_of(story.reading("update.responders", 2).due) == 30


@pytest.mark.parametrize(
    ("start", "minutes", "end"),
    [
        ("2026-03-10T10:00", 60, "2026-03-10T11:00"),
        ("2026-03-10T16:00", 60, "2026-03-10T17:00"),  # the closing minute still counts
        ("2026-03-10T16:30", 60, "2026-03-11T09:30"),
        ("2026-03-10T03:00", 60, "2026-03-10T10:00"),
        ("2026-03-10T22:00", 60, "2026-03-11T10:00"),
        ("2026-03-13T16:30", 60, "2026-03-16T09:30"),
        ("2026-03-14T12:00", 600, "2026-03-17T11:00"),
    ],
)
def test_working_minutes_are_counted_from_nine_to_five(start: str, minutes: float, end: str) -> None:
    begin = stamp(datetime.fromisoformat(start).replace(tzinfo=UTC))

    later = hours.later_open(begin, minutes, 60.0, BUSINESS, "UTC")

    assert later == stamp(datetime.fromisoformat(end).replace(tzinfo=UTC))
    assert hours.open_seconds(begin, later, BUSINESS, "UTC") == minutes * 60


def test_a_holiday_counts_nothing() -> None:
    business = {**BUSINESS, "holidays": ["2026-03-16"]}
    begin = stamp(datetime(2026, 3, 13, 16, 30, tzinfo=UTC))

    assert moment(hours.later_open(begin, 60, 60.0, business, "UTC")) == datetime(
        2026, 3, 17, 9, 30, tzinfo=UTC
    )


def test_working_hours_are_those_of_the_teams_zone_on_both_sides_of_the_change_to_summer_time() -> None:
    winter = stamp(datetime(2026, 3, 27, 15, 30, tzinfo=UTC))  # Friday, 16:30 in Berlin

    later = hours.later_open(winter, 60, 60.0, BUSINESS, "Europe/Berlin")

    assert moment(later) == datetime(2026, 3, 30, 7, 30, tzinfo=UTC)  # Monday, 09:30 in Berlin


@pytest.mark.ledger("CLK-40")
def test_a_drills_pace_shortens_every_protocol_minute() -> None:
    story = Story().open(1, minute=1.0).declare(1)

    reading = story.reading("update.public", 0)

    assert story.minute_of(reading.due) == 15 / 60
    assert reading.minutes == 15
    assert story.reading("update.public", 14 / 60).left == pytest.approx(1)


@pytest.mark.ledger("CLK-37", "CLK-21")
def test_a_sev_3_page_of_the_night_counts_from_its_sending_and_its_chain_waits_working_minutes() -> None:
    story = Story(zero=datetime(2026, 3, 13, 22, 0, tzinfo=UTC)).open(3)
    monday = datetime(2026, 3, 16, 9, 0, tzinfo=UTC)

    story.add(0, "page.sent", None, pages=[[1, SARAH]], call="chain", level=1, at=stamp(monday))

    reading = story.reading("response", 0)
    assert (reading.anchor, reading.due) == (stamp(monday), stamp(datetime(2026, 3, 16, 10, 0, tzinfo=UTC)))
    steps = story.tick(datetime(2026, 3, 16, 11, 0, tzinfo=UTC))
    assert [minute for clock, _, minute in steps if clock == "chain"] == [60 * 60]


def test_a_sev_3_chain_stops_overnight() -> None:
    story = Story(zero=datetime(2026, 3, 10, 16, 30, tzinfo=UTC)).open(3)
    story.page()

    steps = story.tick(datetime(2026, 3, 11, 12, 0, tzinfo=UTC))

    assert [minute for clock, _, minute in steps if clock == "chain"] == [17 * 60]

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidentdesk.kernel.stamps import Stamp, moment, stamp

moments = st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1))


@given(moments, moments)
def test_the_order_of_stamps_is_the_order_of_moments(one: datetime, other: datetime) -> None:
    assert (stamp(one) < stamp(other)) == (one < other)


@given(moments)
def test_a_stamp_names_its_moment_to_the_microsecond(at: datetime) -> None:
    assert moment(stamp(at)) == at


def test_a_stamp_is_utc_wherever_the_moment_was_read() -> None:
    berlin = datetime(2026, 3, 29, 3, 30, tzinfo=ZoneInfo("Europe/Berlin"))

    assert stamp(berlin) == "2026-03-29T01:30:00.000000Z"
    assert moment(stamp(berlin)) - datetime(2026, 3, 29, tzinfo=UTC) == timedelta(hours=1, minutes=30)


def test_a_naive_moment_has_no_stamp() -> None:
    with pytest.raises(ValueError, match="names no time zone"):
        stamp(datetime(2026, 1, 1))


@pytest.mark.parametrize("text", ["", "2026-03-14T02:47:00Z", "2026-03-14T02:47:00.000000+01:00", "x" * 27])
def test_other_texts_are_no_stamps(text: str) -> None:
    with pytest.raises(ValueError):
        moment(Stamp(text))

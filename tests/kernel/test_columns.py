"""Columns go to the server as psycopg's own lists would, whatever is in them."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import DataError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidentdesk.kernel import sql

pytestmark = pytest.mark.django_db

ALL = "SELECT * FROM unnest(%b::bigint[], %b::text[], %b::bytea[], %b::bool[], %b::timestamptz[])"
ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
        st.none() | st.binary(),
        st.none() | st.booleans(),
        st.none() | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_what_is_sent_in_columns_comes_back_as_rows(rows: list[tuple[Any, ...]]) -> None:
    found = sql.run(ALL, sql.columns(rows))

    assert found == rows


def test_the_instant_counts_not_the_zone_it_is_written_in() -> None:
    at = datetime(2026, 3, 8, 2, 30, tzinfo=timezone(timedelta(hours=5, minutes=45)))

    assert sql.run("SELECT * FROM unnest(%b::timestamptz[])", sql.columns([(at,)])) == [(at.astimezone(UTC),)]


def test_a_column_of_another_type_goes_the_way_of_any_list() -> None:
    rows = [(Decimal("1.50"),), (None,)]

    assert sql.run("SELECT * FROM unnest(%b::numeric[])", sql.columns(rows)) == rows


@pytest.mark.parametrize(
    ("kind", "rows"),
    [("bigint", [(1,), ("x",)]), ("bigint", [(2**63,)]), ("int", [(2**31,)]), ("text", [("a\0b",)])],
)
def test_a_value_that_does_not_fit_is_a_data_error_and_the_connection_goes_on(
    kind: str, rows: list[tuple[Any, ...]]
) -> None:
    from django.db import transaction

    with pytest.raises((DataError, psycopg.DataError)), transaction.atomic():
        sql.run(f"SELECT * FROM unnest(%b::{kind}[])", sql.columns(rows))

    assert sql.run("SELECT 1") == [(1,)]


def test_statements_share_one_cursor_and_leave_nothing_of_the_one_before() -> None:
    assert sql.run("SELECT 1, 2") == [(1, 2)]
    assert sql.run("SET LOCAL lock_timeout = '2s'") == []
    assert sql.run("SELECT 'x'::text WHERE false") == []
    assert sql.dicts("SELECT 1 AS one") == [{"one": 1}]
    assert connection.connection is not None

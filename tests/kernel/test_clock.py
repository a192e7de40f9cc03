from datetime import UTC, timedelta

import pytest
from django.db import connection, transaction

from incidentdesk.kernel import clock


@pytest.mark.django_db
def test_the_clock_is_the_databases_and_moves_on_within_a_transaction() -> None:
    first = clock.now()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.01)")
        second = clock.now()

    assert first.tzinfo is UTC
    assert timedelta(0) < second - first < timedelta(seconds=5)


@pytest.mark.django_db
def test_tests_run_as_a_role_that_owns_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)")
        row = cursor.fetchone()

    assert row == ("desk_app", False)

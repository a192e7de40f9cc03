import copy
import os
from collections.abc import Generator
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from incidentdesk.kernel.postgresql.base import DatabaseWrapper
from tests.running import wait_until


@pytest.fixture
def pooled(django_db_setup: None) -> Generator[DatabaseWrapper, None, None]:
    """A connection as the web has it: out of a pool of one."""
    found: dict[str, Any] = copy.deepcopy(connections["default"].settings_dict)
    found["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 1, "timeout": 3}
    found |= {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}
    wrapper = DatabaseWrapper(found, alias="default")
    yield wrapper
    wrapper.close()
    wrapper.close_pool()


@pytest.fixture
def kept(django_db_setup: None) -> Generator[DatabaseWrapper, None, None]:
    """A connection as a thread of the web has it: kept from request to request, and looked at before each."""
    found: dict[str, Any] = copy.deepcopy(connections["default"].settings_dict)
    found |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
    wrapper = DatabaseWrapper(found, alias="default")
    yield wrapper
    wrapper.close()


def next_request(wrapper: DatabaseWrapper) -> None:
    """What Django does with each connection between two requests."""
    wrapper.close_if_unusable_or_obsolete()


def backend(wrapper: DatabaseWrapper) -> int:
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid: int = cursor.fetchone()[0]
    return pid


def hang_up(pid: int) -> None:
    with psycopg.connect(os.environ["DESK_TEST_ROOT_URL"], autocommit=True) as root:
        root.execute("SELECT pg_terminate_backend(%s)", [pid])
    wait_until(lambda: is_gone(pid), within=5, what="the session to end")


def is_gone(pid: int) -> bool:
    with psycopg.connect(os.environ["DESK_TEST_ROOT_URL"]) as root:
        return root.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone() is None


@pytest.mark.django_db
def test_a_pooled_connection_is_used_again(pooled: DatabaseWrapper) -> None:
    first = backend(pooled)
    pooled.close()

    assert backend(pooled) == first


@pytest.mark.django_db
def test_a_pooled_connection_that_the_server_ended_is_replaced_before_a_request_meets_it(
    pooled: DatabaseWrapper,
) -> None:
    first = backend(pooled)
    pooled.close()
    hang_up(first)

    assert backend(pooled) != first


@pytest.mark.django_db
def test_a_kept_connection_is_looked_at_without_a_query(kept: DatabaseWrapper) -> None:
    first = backend(kept)
    next_request(kept)

    with CaptureQueriesContext(kept) as asked:
        assert kept.bare().execute("SELECT pg_backend_pid()").fetchone() == (first,)

    assert len(asked) == 0


@pytest.mark.django_db
@pytest.mark.parametrize("bare", [True, False])
def test_a_kept_connection_that_the_server_ended_is_replaced_before_a_request_meets_it(
    kept: DatabaseWrapper, bare: bool
) -> None:
    first = backend(kept)
    hang_up(first)
    next_request(kept)

    if bare:
        found = kept.bare().execute("SELECT pg_backend_pid()").fetchone()
        assert found is not None and found[0] != first
    assert backend(kept) != first


@pytest.mark.django_db
def test_after_trouble_a_kept_connection_has_to_answer_a_query(kept: DatabaseWrapper) -> None:
    first = backend(kept)
    kept.errors_occurred = True

    next_request(kept)

    assert not kept.errors_occurred
    assert backend(kept) == first

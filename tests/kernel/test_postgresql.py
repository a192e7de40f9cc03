import copy
import os
from collections.abc import Generator
from typing import Any

import psycopg
import pytest
from django.db import connections

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


def backend(wrapper: DatabaseWrapper) -> int:
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid: int = cursor.fetchone()[0]
    return pid


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
    with psycopg.connect(os.environ["DESK_TEST_ROOT_URL"], autocommit=True) as root:
        root.execute("SELECT pg_terminate_backend(%s)", [first])
    wait_until(lambda: is_gone(first), within=5, what="the session to end")

    assert backend(pooled) != first

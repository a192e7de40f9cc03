"""A migration that meets a lock says whose and goes on when it is free."""

import threading

import psycopg
import pytest
from django.db import connections

from desk.migrating import StillLocked, patiently
from tests.house import APP

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


def alter() -> None:
    """What a migration does: a lock that nobody shares."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE desk_heartbeat ALTER COLUMN host SET DEFAULT ''")


def holder() -> "psycopg.Connection[tuple[object, ...]]":
    """A session of the application in the middle of something."""
    params = connections["default"].get_connection_params()
    wanted = {name: params[name] for name in ("dbname", "user", "password", "host", "port") if name in params}
    connection = psycopg.connect(**wanted, application_name="desk-web")
    connection.execute("SELECT count(*) FROM desk_heartbeat")
    return connection


def test_whom_a_migration_waits_for_is_said_and_it_goes_on_afterwards() -> None:
    said: list[str] = []
    session = holder()
    pid = session.info.backend_pid
    heard = threading.Event()

    def say(line: str) -> None:
        said.append(line)
        if not heard.is_set():
            heard.set()
            session.close()

    patiently(alter, using="owner", say=say)

    assert f"desk-web (process {pid}, role {APP})" in said[0]


def test_a_lock_that_stays_ends_the_wait_with_a_sentence() -> None:
    session = holder()
    try:
        with pytest.raises(StillLocked, match="Stop web, worker, beat and keeper"):
            patiently(alter, using="owner", say=lambda _: None, patience=0)
    finally:
        session.close()


def test_what_is_no_lock_rises_at_once() -> None:
    with pytest.raises(ZeroDivisionError):
        patiently(lambda: print(1 / 0), using="owner", say=lambda _: None)


def test_the_owner_has_no_limit_on_a_statement_whatever_the_role_says() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        (limit,) = cursor.fetchone()

    assert limit == "0"

"""What the application's role may do to its own database: read and write rows, and nothing of its make (S35)."""

import os

import psycopg
import pytest
from django.db import InternalError, OperationalError, ProgrammingError, connection, transaction

from incidentdesk.kernel import clock

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE planted (id int)",
        "CREATE TEMP TABLE planted (id int)",
        "SELECT 1 AS one INTO TEMPORARY planted",
        "CREATE TEMP VIEW planted AS SELECT 1",
        "CREATE TEMP SEQUENCE planted",
        "CREATE SCHEMA planted",
        "CREATE FUNCTION planted() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE INDEX planted ON incidents_incident (title)",
        "CREATE ROLE planted",
        "ALTER TABLE incidents_incident ADD COLUMN planted int",
        "ALTER TABLE incidents_timelineentry DISABLE TRIGGER ALL",
        "ALTER ROLE desk_app SUPERUSER",
        "DROP TABLE incidents_timelineentry",
        "TRUNCATE incidents_timelineentry CASCADE",
        "TRUNCATE people_user CASCADE",
        "GRANT ALL ON incidents_timelineentry TO desk_app",
        "REVOKE ALL ON incidents_timelineentry FROM desk_owner",
        "SET ROLE desk_owner",
        "SET session_replication_role = replica",
        "COPY people_user TO '/tmp/planted'",
        "COPY people_user TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
    ],
)
def test_the_application_can_change_no_table_role_or_file(statement: str) -> None:
    before = grants()

    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        refused = ""
    except (ProgrammingError, InternalError, OperationalError) as error:
        refused = getattr(error.__cause__, "sqlstate", "")

    # A grant of what one does not own is no error to PostgreSQL but a warning; it must have changed nothing.
    assert refused in ("42501", "0LP01") or (statement[:6] in ("GRANT ", "REVOKE") and not refused)
    assert grants() == before


def grants() -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT grantee, table_name, privilege_type FROM information_schema.role_table_grants"
            " WHERE table_schema = 'public' ORDER BY 1, 2, 3"
        )
        return list(cursor.fetchall())


def test_the_application_owns_nothing_and_is_no_superuser() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole")
        owned = cursor.fetchone()
        cursor.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles"
            " WHERE rolname = current_user"
        )
        powers = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM pg_auth_members WHERE member = current_user::regrole")
        memberships = cursor.fetchone()

    assert owned == (0,)
    assert set(powers) == {False}
    assert memberships == (0,)


@pytest.mark.parametrize(
    ("name", "limit"),
    [("statement_timeout", "5s"), ("lock_timeout", "2s"), ("idle_in_transaction_session_timeout", "15s")],
)
def test_every_connection_of_the_application_is_held_to_its_limits(name: str, limit: str) -> None:
    clock.now()
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        assert cursor.fetchone() == (limit,)


@pytest.mark.parametrize("other", ["postgres", "template1"])
def test_the_application_cannot_connect_to_another_database(other: str) -> None:
    address = os.environ["DATABASE_URL"].replace(f"/{os.environ['DESK_TEST_DATABASE']}?", f"/{other}?")

    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(address)

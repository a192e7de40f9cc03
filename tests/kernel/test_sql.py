"""Own SQL: what travels together, and what an error in the middle leaves behind."""

import pytest
from django.db import IntegrityError, connection, transaction

from desk.heartbeats import beat, last
from incidentdesk.kernel import clock, sql
from people.models import User
from tests.people.factories import make_user

INSERT = (
    "INSERT INTO desk_heartbeat (name, at, pid, host, \"offset\", note) VALUES (%s, now(), 1, 'h', 0, '')"
)


@pytest.mark.django_db
def test_writes_of_one_breath_are_all_there_after_it() -> None:
    with transaction.atomic(), sql.together():
        assert sql.run(INSERT, ["one"]) == []
        assert sql.run(f"{INSERT} RETURNING name", ["two"]) == [("two",)]
        sql.run(INSERT, ["three"])

    assert {name for name in ("one", "two", "three") if last(name)} == {"one", "two", "three"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement", ["SELECT 1", "\n  select name FROM desk_heartbeat", "WITH x AS (SELECT 1) SELECT * FROM x"]
)
def test_a_question_among_writes_of_one_breath_is_refused_instead_of_answered_with_nothing(
    statement: str,
) -> None:
    with pytest.raises(RuntimeError, match="this one reads"), transaction.atomic(), sql.together():
        sql.run(INSERT, ["one"])
        sql.run(statement)

    assert last("one") is None
    with transaction.atomic(), sql.together():
        counted = sql.run(f"WITH x AS ({INSERT} RETURNING name) SELECT name FROM x", ["two"])
    assert counted == [("two",)]


@pytest.mark.django_db
def test_an_error_in_the_middle_of_a_breath_is_raised_at_its_end_and_leaves_nothing() -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), sql.together():
        sql.run(INSERT, ["one"])
        sql.run(INSERT, ["one"])
        sql.run(INSERT, ["two"])

    assert last("one") is None and last("two") is None
    assert sql.run("SELECT 1") == [(1,)]


@pytest.mark.django_db
def test_an_error_of_our_own_inside_a_breath_is_the_one_that_is_heard() -> None:
    with pytest.raises(KeyError), transaction.atomic(), sql.together():
        sql.run(INSERT, ["one"])
        raise KeyError

    assert last("one") is None
    assert sql.run("SELECT 1") == [(1,)]


@pytest.mark.django_db(transaction=True)
def test_the_first_statement_of_a_transaction_is_inside_it() -> None:
    with pytest.raises(KeyError), transaction.atomic():
        sql.run(INSERT, ["one"])
        raise KeyError
    assert last("one") is None

    with pytest.raises(IntegrityError), transaction.atomic():
        sql.run("INSERT INTO desk_heartbeat (name, at) VALUES ('x', NULL)")
    assert connection.get_autocommit()

    with transaction.atomic():
        beat("two", now=clock.now())
    assert last("two") is not None


@pytest.mark.django_db
def test_a_column_left_out_is_read_when_it_is_asked_for() -> None:
    made = make_user("Ana", roles=["engineer"])

    found = sql.first(User, "id = %s", [made.pk], without=frozenset({"zone"}))

    assert found is not None and found.get_deferred_fields() == {"zone"}
    assert found.zone == made.zone

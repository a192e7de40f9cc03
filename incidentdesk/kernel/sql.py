"""Own SQL on the connection that Django holds, bound by the server.

Django's cursors put parameters into the text on this side: fine for a form, half the cost of a statement that carries
thousands of values. These run in the same transaction, prepared, and raise Django's own database errors.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar, cast

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from incidentdesk.kernel.postgresql.base import DatabaseWrapper
from incidentdesk.kernel.postgresql.columns import Column

M = TypeVar("M", bound=Model)


Parameters = Sequence[Any] | Mapping[str, Any]


def run(statement: str, parameters: Parameters = (), *, binary: bool = True) -> list[tuple[Any, ...]]:
    """Execute a statement; the rows it returns, none for one that returns none. The first of a transaction travels
    with its BEGIN."""
    held = _held()
    if held.queries_logged:  # somebody counts, such as a test
        held.queries_log.append({"sql": statement, "time": "0"})
    with held.wrap_database_errors:
        cursor = held.bare()
        raw = cursor.connection
        if raw.pgconn.pipeline_status:
            return _queue(raw, statement, parameters, binary=binary)
        if not raw.autocommit and raw.pgconn.transaction_status == TransactionStatus.IDLE:
            with raw.pipeline():
                cursor.execute(statement, parameters, prepare=True, binary=binary)
        else:
            cursor.execute(statement, parameters, prepare=True, binary=binary)
        return cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []


@contextmanager
def together() -> Iterator[None]:
    """Send the statements of this block one after the other and wait for all of them at its end, where the first error
    is raised. For writes of one transaction; rows are waited for at once where a statement asks for some (RETURNING).
    A statement that begins with SELECT or WITH and has no RETURNING raises RuntimeError, unsent: its rows would be lost.
    """
    held = _held()
    with held.wrap_database_errors, held.bare().connection.pipeline():
        yield


def _queue(
    raw: "psycopg.Connection[Any]", statement: str, parameters: Parameters, *, binary: bool
) -> list[tuple[Any, ...]]:
    returns = "RETURNING" in statement
    if not returns and statement.lstrip()[:6].upper().startswith(("SELECT", "WITH")):
        raise RuntimeError(f"Only writes travel together; this one reads: {statement.strip()[:80]}")
    cursor = psycopg.Cursor(raw)
    cursor.execute(statement, parameters, prepare=True, binary=binary)
    return cursor.fetchall() if returns else []


def dicts(statement: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """The rows by the names of their columns, each value as Django's own cursor gives it (JSON as text)."""
    held = _held()
    with held.wrap_database_errors, psycopg.Cursor(held.bare().connection, row_factory=dict_row) as cursor:
        cursor.execute(statement, parameters, prepare=True)
        if held.queries_logged:
            held.queries_log.append({"sql": statement, "time": "0"})
        return cursor.fetchall()


def connection() -> "psycopg.Connection[Any]":
    """The connection that statements run on now; another one after it was lost."""
    found: psycopg.Connection[Any] = _held().bare().connection
    return found


def _held() -> DatabaseWrapper:
    # One look-up instead of one for each attribute.
    return cast(DatabaseWrapper, connections[DEFAULT_DB_ALIAS])


def columns(rows: Iterable[Sequence[Any]]) -> list[Column]:
    """Rows as one list a column, for `unnest`; a column holds values of one type, or None."""
    return [Column(column) for column in zip(*rows, strict=True)]


def first(
    model: type[M], where: str, parameters: Sequence[Any], *, without: frozenset[str] = frozenset()
) -> M | None:
    """The row that fits as an object, or None: what the ORM does, without composing the statement anew each time.

    `where` is a text of our own with `%s` for each parameter, over columns that name one row. The columns `without` are
    read when they are asked for.
    """
    names, select = _select(model, without)
    rows = run(f"{select} WHERE {where}", parameters)
    return model.from_db(DEFAULT_DB_ALIAS, names, rows[0]) if rows else None


@cache
def _select(model: type[Model], without: frozenset[str]) -> tuple[list[str], str]:
    fields = [
        field
        for field in model._meta.concrete_fields
        if field.get_internal_type() != "SearchVectorField" and field.column not in without
    ]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    return [field.attname for field in fields], f'SELECT {columns} FROM "{model._meta.db_table}"'  # noqa: S608  (as above)

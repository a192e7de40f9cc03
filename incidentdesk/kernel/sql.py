"""Own SQL on the connection that Django holds, bound by the server.

Django's cursors put parameters into the text on this side: fine for a form, half the cost of a statement that carries
thousands of values. These run in the same transaction, prepared, and raise Django's own database errors.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, TypeVar, cast

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model
from psycopg.rows import dict_row

from incidentdesk.kernel.postgresql.base import DatabaseWrapper
from incidentdesk.kernel.postgresql.columns import Column

M = TypeVar("M", bound=Model)


def run(statement: str, parameters: Sequence[Any] = (), *, binary: bool = True) -> list[tuple[Any, ...]]:
    """Execute a statement; the rows it returns, none for one that returns none."""
    held = _held()
    with held.wrap_database_errors:
        cursor = held.bare()
        cursor.execute(statement, parameters, prepare=True, binary=binary)
        if held.queries_logged:  # somebody counts, such as a test
            held.queries_log.append({"sql": statement, "time": "0"})
        return cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []


def dicts(statement: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """The rows by the names of their columns, each value as Django's own cursor gives it (JSON as text)."""
    held = _held()
    with held.wrap_database_errors, psycopg.Cursor(held.bare().connection, row_factory=dict_row) as cursor:
        cursor.execute(statement, parameters, prepare=True)
        if held.queries_logged:
            held.queries_log.append({"sql": statement, "time": "0"})
        return cursor.fetchall()


def _held() -> DatabaseWrapper:
    return cast(
        DatabaseWrapper, connections[DEFAULT_DB_ALIAS]
    )  # one look-up instead of one for each attribute


def columns(rows: Iterable[Sequence[Any]]) -> list[Column]:
    """Rows as one list a column, for `unnest`; a column holds values of one type, or None."""
    return [Column(column) for column in zip(*rows, strict=True)]


def first(model: type[M], where: str, parameters: Sequence[Any]) -> M | None:
    """The row that fits as an object, or None: what the ORM does, without composing the statement anew each time.

    `where` is a text of our own with `%s` for each parameter, over columns that name one row.
    """
    names, select = _select(model)
    rows = run(f"{select} WHERE {where}", parameters)
    return model.from_db("default", names, rows[0]) if rows else None


@cache
def _select(model: type[Model]) -> tuple[list[str], str]:
    fields = [
        field for field in model._meta.concrete_fields if field.get_internal_type() != "SearchVectorField"
    ]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    return [field.attname for field in fields], f'SELECT {columns} FROM "{model._meta.db_table}"'  # noqa: S608  (as above)

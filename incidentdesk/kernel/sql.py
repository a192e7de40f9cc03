"""Own SQL on the connection that Django holds, bound by the server.

Django's cursors put parameters into the text on this side: fine for a form, half the cost of a statement that carries
thousands of values. These run in the same transaction, prepared, and raise Django's own database errors.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, TypeVar

import psycopg
from django.db import connection
from django.db.models import Model
from psycopg.rows import dict_row

M = TypeVar("M", bound=Model)


def run(statement: str, parameters: Sequence[Any] = (), *, binary: bool = True) -> list[tuple[Any, ...]]:
    """Execute a statement; the rows it returns, none for one that returns none."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, parameters, prepare=True, binary=binary)
        _tell(statement)
        return cursor.fetchall() if cursor.description else []


def dicts(statement: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """The rows by the names of their columns, each value as Django's own cursor gives it (JSON as text)."""
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(connection.connection, row_factory=dict_row) as cursor,
    ):
        cursor.execute(statement, parameters, prepare=True)
        _tell(statement)
        return cursor.fetchall()


def _tell(statement: str) -> None:
    if connection.queries_logged:  # somebody counts, such as a test
        connection.queries_log.append({"sql": statement, "time": "0"})


def columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Rows as one list a column, for `unnest`."""
    return [list(column) for column in zip(*rows, strict=True)]


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

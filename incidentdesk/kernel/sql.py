"""Own SQL on the connection that Django holds, bound by the server.

Django's cursors put parameters into the text on this side: fine for a form, half the cost of a statement that carries
thousands of values. These run in the same transaction, prepared, and raise Django's own database errors.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from django.db import connection


def run(statement: str, parameters: Sequence[Any] = (), *, binary: bool = True) -> list[tuple[Any, ...]]:
    """Execute a statement; the rows it returns, none for one that returns none."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, parameters, prepare=True, binary=binary)
        return cursor.fetchall() if cursor.description else []


def columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Rows as one list a column, for `unnest`."""
    return [list(column) for column in zip(*rows, strict=True)]

"""The backend that settings name as ENGINE."""

import select
from typing import Any

import orjson
import psycopg
from django.db.backends.postgresql import base
from psycopg.types.json import set_json_loads

from incidentdesk.kernel.postgresql.columns import Column, ColumnDumper

set_json_loads(orjson.loads)
psycopg.adapters.register_dumper(Column, ColumnDumper)


class DatabaseWrapper(base.DatabaseWrapper):
    """Notices without a round trip that the server has hung up (F9), and keeps a cursor that binds on the server's side.

    Django's and the pool's own checks send a query for every request, which would double the round trips of a poll. A
    server that restarts or ends a session closes its side, and that shows on the socket.
    """

    _bare: "psycopg.Cursor[Any] | None" = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection whose other end is there; pooled ones that were hung up are handed back to be replaced."""
        connection = super().get_new_connection(conn_params)
        while self.pool is not None and _has_word_from_the_server(connection):
            connection.close()
            self.pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection

    def is_usable(self) -> bool:
        """Whether the connection may serve on: a look at the socket, and after an error a query as well."""
        if self.connection is None or self.connection.closed or _has_word_from_the_server(self.connection):
            return False
        return bool(super().is_usable()) if self.errors_occurred else True

    def bare(self) -> "psycopg.Cursor[Any]":
        """The connection's one raw cursor, checked and made as Django would. It keeps what it learns of types."""
        self.close_if_health_check_failed()
        if self.connection is None:
            self.connect()
        found = self._bare
        if found is None or found.connection is not self.connection:
            found = self._bare = psycopg.Cursor(self.connection)
        return found


def _has_word_from_the_server(connection: Any) -> bool:
    # An idle session hears nothing but its end; a rare notice costs no more than a new connection.
    look = select.poll()
    look.register(connection.fileno(), select.POLLIN)
    return bool(look.poll(0))

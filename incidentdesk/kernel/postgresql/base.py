"""The backend that settings name as ENGINE."""

import select
from typing import Any

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes no connection out of the pool whose server has hung up (F9).

    The pool's own check sends a query for every request, which would double the round trips of a poll. A server that
    restarts or ends a session closes its side, and that shows on the socket.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection whose other end is there; ones that were hung up are handed back to be replaced."""
        connection = super().get_new_connection(conn_params)
        while self.pool is not None and _has_word_from_the_server(connection):
            connection.close()
            self.pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection


def _has_word_from_the_server(connection: Any) -> bool:
    # An idle session hears nothing but its end; a rare notice costs no more than a new connection.
    look = select.poll()
    look.register(connection.fileno(), select.POLLIN)
    return bool(look.poll(0))

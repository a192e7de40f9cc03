"""The one reader of time. Everybody else is given `now`."""

from datetime import UTC, datetime

from django.db import DEFAULT_DB_ALIAS, connections

from incidentdesk.kernel import sql

_ASK = "SELECT clock_timestamp()"


def now(using: str = "default") -> datetime:
    """What the database's clock says, aware, UTC. One round trip; moves on within a transaction.

    The database's clock is asked because hosts disagree: two web processes an hour apart must still
    fire each deadline once and at its moment (F13).
    """
    if using == DEFAULT_DB_ALIAS:
        moment: datetime = sql.run(_ASK)[0][0]
    else:
        with connections[using].cursor() as cursor:
            cursor.execute(_ASK)
            moment = cursor.fetchone()[0]
    return moment.astimezone(UTC)

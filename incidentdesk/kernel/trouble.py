"""When PostgreSQL cannot be reached, is full, read-only or takes too long: told apart from our own bugs (F9, F11, F16)."""

from typing import Final

from django.db import InterfaceError, InternalError, OperationalError, connections

READ_ONLY: Final = "25006"
# A lock was not had in time; a deadlock; two transactions that cannot both be: nothing is wrong with the statement itself.
LOCK_WAITS: Final = frozenset({"55P03", "40P01", "40001"})
SENTENCE: Final = (
    "The desk cannot reach its database just now. Your text is kept. "
    "Send it again in a few seconds: if it was saved after all, it will not be saved twice."
)


def is_trouble(error: BaseException) -> bool:
    """Whether the database, not our code, is the cause.

    Django's OperationalError covers SQLSTATE 08*, 53*, 57P0*, time-outs of statements, locks and the pool; a primary
    that became a standby answers 25006, which arrives as an InternalError.
    """
    if isinstance(error, OperationalError | InterfaceError):
        return True
    return isinstance(error, InternalError) and getattr(error.__cause__, "sqlstate", "") == READ_ONLY


def is_lock_wait(error: BaseException) -> bool:
    """Whether another transaction's lock stopped the statement, so that the same statement may succeed at once."""
    return getattr(error.__cause__, "sqlstate", "") in LOCK_WAITS


def let_go() -> None:
    """Close this thread's connections for good, so that the next request begins with a fresh one.

    A health check passes on a standby, and a pool takes a live connection back; only closing it below the pool helps.
    """
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            continue
        raw = connection.connection
        if raw is not None:
            raw.close()
        connection.close()

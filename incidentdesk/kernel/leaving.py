"""Whether this process was asked to end. Long work looks at it between two batches, and what it leaves is done by others."""

from threading import Event
from typing import Any, Final

_asked: Final = Event()


def ask(**_: Any) -> None:
    """Long work of this process shall come to an end. May be called by a signal's handler."""
    _asked.set()


def asked() -> bool:
    """Whether it shall."""
    return _asked.is_set()

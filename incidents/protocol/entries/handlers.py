"""Which function takes which kind of entry into a state.

A handler works on a state that `fold` has just copied: it puts new values into it, and never changes a value that was
there.
"""

from collections.abc import Callable

from incidents.protocol.definition import Protocol
from incidents.protocol.state import Entry, State

Handler = Callable[[Protocol, State, Entry], None]
HANDLERS: dict[str, Handler] = {}


def handles(*kinds: str) -> Callable[[Handler], Handler]:
    """Register the function that takes entries of these kinds into the state."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(kinds, handler))
        return handler

    return register

"""Who owes the act that a clock waits for, and whom each of its steps tells (decisions: Who owes).

`owes` of a clock in the protocol is a word of `LINES`, as is each name in the `to` of a step, beside `owes` itself.
"""

from collections.abc import Callable

from incidents.protocol.definition import Clock, Step
from incidents.protocol.state import State, holder

# Who owes, in order: the first of the line that there is.
LINES: dict[str, tuple[str, ...]] = {
    "comms": ("comms", "ic", "owner"),  # texts
    "subject": ("subject",),  # a page: who was paged; a call, a seat: who was named
    "ic": ("ic", "owner"),  # all else
    "owner": ("owner",),
    "deputy": ("deputy",),
    "manager": ("manager",),
}


def recipients(state: State, clock: Clock, step: Step, subject: str) -> list[int]:
    """Whom a step tells, each once.

    Up to the due instant the line behind a name answers for it where that name owes the act; else a step tells one person
    more, and nobody in their place.
    """
    found: list[int] = []
    for word in step.to:
        named = clock.owes if word == "owes" else word
        stands_in = word == "owes" or (step.at <= 0 and word in LINES[clock.owes])
        line = LINES[named] if stands_in else LINES[named][:1]
        users = (user for each in line for user in _holding(state, clock, each, subject))
        found += [user for user in [next(users, None)] if user is not None]
    return list(dict.fromkeys(found))


def _holding(state: State, clock: Clock, word: str, subject: str) -> list[int]:
    special = _SPECIAL.get(word)
    if special is not None:
        return special(state, clock, subject)
    seated = holder(state, word)
    return [] if seated is None else [seated]


def _owner(state: State, clock: Clock, subject: str) -> list[int]:
    return [state["owner"]] if state["owner"] else []


def _manager(state: State, clock: Clock, subject: str) -> list[int]:
    return state["managers"][:1]


def _subject(state: State, clock: Clock, subject: str) -> list[int]:
    if clock.subject == "page":
        page = state["pages"].get(subject)
        return [page["user"]] if page else []
    return [int(subject)] if clock.subject == "user" else []


_SPECIAL: dict[str, Callable[[State, Clock, str], list[int]]] = {
    "owner": _owner,
    "manager": _manager,
    "subject": _subject,
}

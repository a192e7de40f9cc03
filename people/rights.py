"""Who may do what: the ledger's permission matrix as one table, and the questions asked of it.

Pure: no database, no request, no clock. A person's roles and seats become columns (`columns`); a right is held when
any column holds it (`may`). P of the matrix means off, unless a grant that the caller has established opens it.
Ledger: RBAC-01, RBAC-19, RBAC-21 and the permission matrix; decisions.md 5 and 6.
"""

from collections.abc import Collection, Iterable
from enum import StrEnum

from people.matrix import BY_LEDGER, OF_OWN, Column, Right
from people.roles import Role

__all__ = [
    "ROOM_ROLES",
    "Column",
    "Grant",
    "Right",
    "columns",
    "held_rights",
    "may",
    "qualified",
    "refusal",
    "who_can_help",
]


class Grant(StrEnum):
    """What may be true at the moment of an act and opens a P of the matrix; established by the flow, never by a form."""

    IN_CHAIN = "in_chain"  # the IC is absent or asked for the change, and this person is next to answer
    FIRST_CLIENT_TEXT = "first_client_text"  # no text went to clients yet
    COMMS_SEAT_EMPTY = "comms_seat_empty"
    IC_MAY_SEND = "ic_may_send"  # the setting `comms.ic_may_send`: to every audience, beside a Comms Lead too
    NAMED_IMPLEMENTER = "named_implementer"  # of the approved change at hand


_OPENS: dict[Grant, dict[Right, frozenset[Column]]] = {
    Grant.IN_CHAIN: {Right.APPROVE_CHANGE: frozenset({Column.MANAGER, Column.DEPUTY})},
    Grant.FIRST_CLIENT_TEXT: {Right.SEND_TEXT: frozenset({Column.SUPPORT})},
    Grant.COMMS_SEAT_EMPTY: dict.fromkeys(
        (Right.SEND_TEXT, Right.SEND_PUBLIC, Right.SEND_INTERNAL, Right.SEND_EXECUTIVES),
        frozenset({Column.IC, Column.OWNER}),
    ),
    Grant.IC_MAY_SEND: dict.fromkeys(
        (Right.SEND_TEXT, Right.SEND_PUBLIC, Right.SEND_EXECUTIVES),
        frozenset({Column.IC, Column.OWNER_IN_CHARGE}),
    ),
    Grant.NAMED_IMPLEMENTER: {Right.START_CHANGE: frozenset({Column.OPS, Column.SME, Column.SUPPORT})},
}

_BY_ROLE: dict[Role, Column] = {
    Role.ADMIN: Column.ADMIN,
    Role.MANAGER: Column.MANAGER,
    Role.IC: Column.SME,
    Role.ENGINEER: Column.SME,
    Role.SME: Column.SME,
    Role.COMMS: Column.RESPONDER,
    Role.SUPPORT: Column.SUPPORT,
    Role.CUSTOMER_SUPPORT: Column.CUSTOMER_SUPPORT,
    Role.EXECUTIVE: Column.EXECUTIVE,
    Role.CLIENT_CONTACT: Column.CLIENT,
    Role.SPECTATOR: Column.SPECTATOR,
}
_BY_SEAT: dict[str, frozenset[Column]] = {
    "ic": frozenset({Column.IC}),
    "comms": frozenset({Column.COMMS}),
    "ops": frozenset({Column.OPS}),
    "sme": frozenset({Column.SME}),
    "deputy": frozenset({Column.DEPUTY, Column.RESPONDER}),
}
# These seats stand in for the SME column of an engineer: the Comms Lead proposes no change, whoever holds the seat.
_SEATS_FOR_SME = frozenset({"ic", "comms", "ops"})

_QUALIFIED: dict[str, frozenset[Role]] = {
    "ic": frozenset({Role.IC}),
    "deputy": frozenset({Role.IC}),
    "ops": frozenset({Role.ENGINEER, Role.SME, Role.IC}),
    "sme": frozenset({Role.ENGINEER, Role.SME, Role.IC}),
    # ROLE-12: until a Comms Lead is free somebody covers the seat.
    "comms": frozenset({Role.COMMS, Role.IC, Role.ENGINEER, Role.SUPPORT}),
}
_RESPONDERS = frozenset({Role.MANAGER, Role.IC, Role.COMMS, Role.ENGINEER, Role.SME, Role.SUPPORT})

_LOW = frozenset({3, 4})


def columns(
    roles: Iterable[str],
    seats: Iterable[str] = (),
    *,
    severity: int | None = None,
    is_owner: bool = False,
    has_ic: bool = False,
) -> frozenset[Column]:
    """The columns of the matrix that somebody stands in, here and now.

    `seats` are those the person holds in this incident; `severity` is the one in force (declared, else presumed);
    `has_ic` says whether anybody holds the IC seat. On SEV-3/4 without an IC the owner is in charge.
    """
    held = frozenset(seats)
    found = {_BY_ROLE[Role(role)] for role in roles}
    if held & _SEATS_FOR_SME and "sme" not in held:
        found.discard(Column.SME)
    for seat in held:
        found |= _BY_SEAT.get(seat, frozenset({Column.RESPONDER}))
    if is_owner and not has_ic:
        found.add(Column.OWNER)
        if severity in _LOW:
            found.add(Column.OWNER_IN_CHARGE)
    return frozenset(found)


def may(right: Right, held: Collection[Column], grants: Collection[Grant] = ()) -> bool:
    """Whether any of these columns holds the right, or one of the grants opens it. The IC never implements (ROLE-07)."""
    if right is Right.START_CHANGE and Column.IC in held:
        return False
    if any(_cell(right, column) == "Y" for column in held):
        return True
    return any(column in _OPENS[grant].get(right, ()) for grant in grants for column in held)


def held_rights(held: Collection[Column], grants: Collection[Grant] = ()) -> frozenset[Right]:
    """Every right of these columns: for pages that show only what can be done."""
    return frozenset(right for right in Right if may(right, held, grants))


def qualified(roles: Iterable[str], seat: str) -> bool:
    """Whether a person with these roles may hold the seat. Seats not named in the table are open to every responder."""
    return bool(_QUALIFIED.get(seat, _RESPONDERS) & {Role(role) for role in roles})


def who_can_help(right: Right) -> str:
    """Who holds the right, in words for a refusal: "the Incident Commander or a manager" (RBAC-19)."""
    names = [column.person for column in BY_LEDGER if _cell(right, column) == "Y"]
    names = names or [column.person for column in OF_OWN if _cell(right, column) == "Y"]
    if len(names) > 3:
        names = [*names[:2], "another responder"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def refusal(right: Right) -> str:
    """One sentence that says no and names who can help: "You cannot close an incident; ask the ... ." (RBAC-19)."""
    return f"You cannot {right.act}: that is for {who_can_help(right)}. Nothing was changed."


def _cell(right: Right, column: Column) -> str:
    return BY_LEDGER[column][right] if column in BY_LEDGER else "Y" if right in OF_OWN[column] else "-"


ROOM_ROLES: frozenset[Role] = frozenset(role for role in Role if may(Right.SEE_ROOM, columns([role])))
"""Roles that bring somebody into the war room; everybody else never receives a byte of it."""

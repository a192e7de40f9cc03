"""The whole permission matrix, cell by cell against the ledger's own table, and what roles and seats make of it."""

import itertools
from pathlib import Path

import pytest

from people.matrix import BY_LEDGER, OF_OWN, Column, Right
from people.rights import ROOM_ROLES, Grant, columns, held_rights, may, qualified, refusal, who_can_help
from people.roles import Role

LEDGER = Path(__file__).parents[2] / "docs" / "protocol" / "ledger.md"

ROWS = {
    "Declare": (Right.DECLARE,),
    "See bridge link": (Right.SEE_BRIDGE,),
    "Post in command feed": (Right.POST,),
    "See theories": (Right.SEE_THEORIES,),
    "Propose change": (Right.PROPOSE_CHANGE,),
    "Approve change (deputy or chain: APP-03)": (Right.APPROVE_CHANGE,),
    "Approve emergency as second": (Right.APPROVE_EMERGENCY,),
    "Start approved change": (Right.START_CHANGE,),
    "Change severity, resolve, assign roles, add SME": (
        Right.SET_SEVERITY,
        Right.RESOLVE,
        Right.ASSIGN,
        Right.ADD_SME,
    ),
    "Propose severity": (Right.PROPOSE_SEVERITY,),
    "Close": (Right.CLOSE,),
    "Send public or client text": (Right.SEND_TEXT,),
    "Ask in question queue": (Right.ASK,),
    "Answer question queue": (Right.ANSWER,),
    "See revenue": (Right.SEE_REVENUE,),
    "Confirm recovery for a client": (Right.CONFIRM_RECOVERY,),
    "Read IC conduct notes": (Right.READ_CONDUCT,),
    "Edit policies": (Right.EDIT_POLICIES,),
}
HEADS = {
    "IC": Column.IC,
    "Comms": Column.COMMS,
    "Ops": Column.OPS,
    "SME": Column.SME,
    "Support L2": Column.SUPPORT,
    "Cust. support": Column.CUSTOMER_SUPPORT,
    "Manager": Column.MANAGER,
    "Exec": Column.EXECUTIVE,
    "Client": Column.CLIENT,
    "Spectator": Column.SPECTATOR,
}
SEATS = ("ic", "comms", "ops", "sme", "deputy", "scribe")
ACTS_IN_AN_INCIDENT = frozenset(Right) - OF_OWN[Column.ADMIN]


def ledger_table() -> list[tuple[str, str, str]]:
    """(row, column, cell) of the ledger's permission matrix, notes in brackets dropped from the cells."""
    section = LEDGER.read_text().split("## Permission matrix", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    heads, rows = table[0][1:], table[2:]
    return [
        (row[0], head, cell.split(" ")[0]) for row in rows for head, cell in zip(heads, row[1:], strict=True)
    ]


@pytest.mark.ledger("RBAC-21")
def test_every_cell_of_the_ledgers_matrix_is_the_tables_own() -> None:
    cells = ledger_table()

    wrong = [
        (row, head, right)
        for row, head, cell in cells
        for right in ROWS[row]
        if BY_LEDGER[HEADS[head]][right] != cell
    ]

    assert len(cells) == 18 * 10
    assert {row for row, _, _ in cells} == set(ROWS)
    assert wrong == []


# What the ledger's table does not name, one by one: who holds it, derived from the rows that people/matrix.py cites.
WORKING = frozenset({Column.IC, Column.COMMS, Column.OPS, Column.SME, Column.SUPPORT})
READERS = frozenset({Column.CUSTOMER_SUPPORT, Column.EXECUTIVE, Column.SPECTATOR})
DERIVED = {
    Right.SEE: WORKING | READERS | {Column.MANAGER},
    Right.SEE_ROOM: WORKING | {Column.MANAGER},
    Right.MOVE: {Column.IC},
    Right.IDENTIFY: {Column.IC, Column.OPS},
    Right.DISMISS: {Column.IC},
    Right.REOPEN: {Column.IC, Column.OPS, Column.SME, Column.SUPPORT},
    Right.REOPEN_CLOSED: {Column.MANAGER},
    Right.STATE_IMPACT: WORKING,
    Right.END_IMPACT: WORKING,
    Right.DECIDE: {Column.IC},
    Right.CLAIM_SEAT: WORKING | {Column.MANAGER},
    Right.OPEN_BRIDGE: WORKING,
    Right.PAGE: WORKING | {Column.MANAGER},
    Right.ACKNOWLEDGE: WORKING | {Column.MANAGER},
    Right.ESCALATE: WORKING | {Column.MANAGER},
    Right.TELL_LEAD: WORKING | {Column.MANAGER},
    Right.TICK: WORKING | {Column.MANAGER},
    Right.SEND_INTERNAL: {Column.IC, Column.COMMS},
    Right.SEND_EXECUTIVES: {Column.COMMS},
    Right.SEND_PUBLIC: {Column.COMMS},
    Right.RELIEVE_IC: {Column.MANAGER},
    Right.MANAGE_PEOPLE: set[Column](),
    Right.REDACT: set[Column](),
}
AT_WORK = {
    "declare", "see_bridge", "post", "see_theories", "propose_severity", "ask", "see", "see_room", "state_impact",
    "end_impact", "claim_seat", "open_bridge", "page", "acknowledge", "escalate", "tell_lead", "tick",
}  # fmt: skip
OWN = {
    Column.RESPONDER: AT_WORK,
    Column.DEPUTY: set[str](),
    Column.OWNER: {"dismiss"},
    Column.OWNER_IN_CHARGE: AT_WORK | {
        "propose_change", "approve_change", "set_severity", "resolve", "assign", "add_sme", "close", "answer",
        "see_revenue", "move", "identify", "dismiss", "reopen", "decide", "send_internal",
    },
    Column.ADMIN: {
        "see", "see_room", "see_theories", "see_revenue", "see_bridge", "edit_policies", "manage_people", "redact",
    },
}  # fmt: skip


@pytest.mark.ledger("RBAC-21", "RBAC-02", "RBAC-13")
def test_what_the_ledgers_matrix_does_not_name_is_held_by_these_and_nobody_else() -> None:
    named = {right for rights in ROWS.values() for right in rights}

    held = {right: {column for column in BY_LEDGER if BY_LEDGER[column][right] == "Y"} for right in DERIVED}

    assert set(DERIVED) == set(Right) - named
    assert held == DERIVED
    assert {BY_LEDGER[column][right] for column in BY_LEDGER for right in DERIVED} == {"Y", "-"}


@pytest.mark.ledger("RBAC-11", "RBAC-21")
@pytest.mark.parametrize("column", list(OWN))
def test_a_column_that_the_ledgers_matrix_has_not_holds_these_rights_and_no_other(column: Column) -> None:
    assert {right.value for right in Right if may(right, [column])} == OWN[column]


@pytest.mark.parametrize("right", list(Right))
@pytest.mark.parametrize("column", list(BY_LEDGER))
def test_only_a_y_lets_somebody_act_and_p_means_off(column: Column, right: Right) -> None:
    assert may(right, [column]) is (BY_LEDGER[column][right] == "Y")


@pytest.mark.ledger("RBAC-01", "RBAC-21")
@pytest.mark.parametrize(
    ("role", "column"),
    [
        (Role.MANAGER, Column.MANAGER),
        (Role.IC, Column.SME),
        (Role.ENGINEER, Column.SME),
        (Role.SME, Column.SME),
        (Role.COMMS, Column.RESPONDER),
        (Role.SUPPORT, Column.SUPPORT),
        (Role.CUSTOMER_SUPPORT, Column.CUSTOMER_SUPPORT),
        (Role.EXECUTIVE, Column.EXECUTIVE),
        (Role.CLIENT_CONTACT, Column.CLIENT),
        (Role.SPECTATOR, Column.SPECTATOR),
        (Role.ADMIN, Column.ADMIN),
    ],
)
def test_each_role_without_a_seat_has_exactly_its_own_column(role: Role, column: Column) -> None:
    held = columns([role])

    assert held == {column}
    assert held_rights(held) == {right for right in Right if may(right, [column])}


@pytest.mark.ledger("RBAC-01")
def test_the_roles_are_the_ledgers_eleven_and_add_up() -> None:
    both = columns([Role.MANAGER, Role.ENGINEER])

    assert len(Role) == 11
    assert held_rights(both) == held_rights({Column.MANAGER}) | held_rights({Column.SME})


@pytest.mark.ledger("RBAC-01")
@pytest.mark.parametrize(
    ("seat", "column"), [("ic", Column.IC), ("comms", Column.COMMS), ("ops", Column.OPS), ("sme", Column.SME)]
)
def test_a_seat_gives_its_column_for_as_long_as_it_is_held(seat: str, column: Column) -> None:
    assert column in columns([Role.ENGINEER], [seat])
    assert columns([Role.ENGINEER]) == {Column.SME}


def test_the_comms_lead_proposes_no_change_even_when_an_engineer_holds_the_seat() -> None:
    assert not may(Right.PROPOSE_CHANGE, columns([Role.ENGINEER], ["comms"]))
    assert may(Right.PROPOSE_CHANGE, columns([Role.ENGINEER]))


@pytest.mark.parametrize(
    "right", [Right.SET_SEVERITY, Right.RESOLVE, Right.ASSIGN, Right.ADD_SME, Right.MOVE]
)
def test_only_the_holder_of_the_ic_seat_commands(right: Right) -> None:
    for role, seat in itertools.product(Role, SEATS):
        held = columns([role], [seat], severity=1, has_ic=True)

        assert may(right, held) is (seat == "ic"), (role, seat)


@pytest.mark.parametrize("severity", [1, 2, 3, 4, None])
def test_the_owner_commands_only_low_severities_that_have_no_ic(severity: int | None) -> None:
    alone = columns([Role.ENGINEER], severity=severity, is_owner=True)
    with_ic = columns([Role.ENGINEER], severity=severity, is_owner=True, has_ic=True)

    commands = {Right.SET_SEVERITY, Right.RESOLVE, Right.CLOSE, Right.MOVE, Right.APPROVE_CHANGE}
    assert (commands <= held_rights(alone)) is (severity in (3, 4))
    assert not commands & held_rights(with_ic)


def test_an_administrator_reads_everything_but_conduct_and_acts_in_no_incident() -> None:
    held = held_rights(columns([Role.ADMIN]))

    assert {Right.SEE, Right.SEE_ROOM, Right.SEE_THEORIES, Right.SEE_REVENUE, Right.SEE_BRIDGE} <= held
    assert Right.READ_CONDUCT not in held
    assert held & ACTS_IN_AN_INCIDENT == set()


def test_an_administrator_in_the_ic_seat_has_the_ics_rights() -> None:
    assert may(Right.RESOLVE, columns([Role.ADMIN], ["ic"]))


@pytest.mark.parametrize("grants", [frozenset(), frozenset(Grant)])
def test_the_ic_never_starts_a_change_whatever_else_they_are(grants: frozenset[Grant]) -> None:
    for role in Role:
        assert not may(Right.START_CHANGE, columns([role], ["ic", "ops", "sme"]), grants)


def test_the_named_implementer_may_start_from_every_column_that_may_propose_but_the_ics() -> None:
    named = [Grant.NAMED_IMPLEMENTER]

    may_start = {column for column in BY_LEDGER if may(Right.START_CHANGE, [column], named)}

    assert may_start == {c for c in BY_LEDGER if may(Right.PROPOSE_CHANGE, [c])} - {Column.IC}


def test_a_manager_and_a_deputy_approve_only_when_the_chain_comes_to_them() -> None:
    for held in (columns([Role.MANAGER]), columns([Role.IC], ["deputy"])):
        assert not may(Right.APPROVE_CHANGE, held)
        assert may(Right.APPROVE_CHANGE, held, [Grant.IN_CHAIN])
    for role in set(Role) - {Role.MANAGER}:
        assert not may(Right.APPROVE_CHANGE, columns([role]), list(Grant)), role


def test_support_sends_the_first_client_text_and_no_other() -> None:
    held = columns([Role.SUPPORT])

    assert not may(Right.SEND_TEXT, held)
    assert may(Right.SEND_TEXT, held, [Grant.FIRST_CLIENT_TEXT])
    assert not may(Right.SEND_PUBLIC, held, [Grant.FIRST_CLIENT_TEXT])
    assert not may(Right.SEND_TEXT, columns([Role.IC], ["ic"]), [Grant.FIRST_CLIENT_TEXT])
    assert not may(Right.SEND_TEXT, columns([Role.ENGINEER]), [Grant.FIRST_CLIENT_TEXT])


def test_beside_a_comms_lead_the_ic_writes_to_responders_alone_unless_the_setting_is_on() -> None:
    held = columns([Role.IC], ["ic"], has_ic=True)
    others = (Right.SEND_EXECUTIVES, Right.SEND_TEXT, Right.SEND_PUBLIC)

    assert may(Right.SEND_INTERNAL, held)
    assert not any(may(right, held) for right in others)
    assert all(may(right, held, [Grant.IC_MAY_SEND]) for right in others)


def test_while_the_comms_seat_is_empty_the_ic_and_before_one_the_owner_may_send() -> None:
    empty = [Grant.COMMS_SEAT_EMPTY]

    assert may(Right.SEND_TEXT, columns([Role.IC], ["ic"], has_ic=True), empty)
    assert may(Right.SEND_TEXT, columns([Role.ENGINEER], severity=1, is_owner=True), empty)
    assert not may(Right.SEND_TEXT, columns([Role.ENGINEER], severity=1, is_owner=True, has_ic=True), empty)
    assert not may(Right.SEND_TEXT, columns([Role.ENGINEER]), empty)


def test_nobody_outside_the_response_enters_the_war_room() -> None:
    assert {Role.EXECUTIVE, Role.CLIENT_CONTACT, Role.SPECTATOR, Role.CUSTOMER_SUPPORT} == set(
        Role
    ) - ROOM_ROLES


@pytest.mark.parametrize(
    ("seat", "roles"),
    [
        ("ic", {Role.IC}),
        ("deputy", {Role.IC}),
        ("ops", {Role.IC, Role.ENGINEER, Role.SME}),
        ("comms", {Role.IC, Role.ENGINEER, Role.COMMS, Role.SUPPORT}),
        ("scribe", set(ROOM_ROLES) - {Role.ADMIN}),
    ],
)
def test_a_seat_is_for_the_qualified(seat: str, roles: set[Role]) -> None:
    assert {role for role in Role if qualified([role], seat)} == roles


def test_a_refusal_says_what_and_who_can_help() -> None:
    assert who_can_help(Right.RESOLVE) == "the Incident Commander"
    assert who_can_help(Right.CLOSE) == "the Incident Commander or a manager"
    assert who_can_help(Right.MANAGE_PEOPLE) == "an administrator"
    assert refusal(Right.CLOSE).startswith(
        "You cannot close the incident: that is for the Incident Commander"
    )


@pytest.mark.parametrize("right", list(Right))
def test_every_right_has_somebody_to_ask_and_words(right: Right) -> None:
    assert right.act
    assert who_can_help(right)

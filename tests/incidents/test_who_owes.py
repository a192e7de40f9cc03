"""Whom every step of every clock tells, compared with decisions.md, "Who owes", row by row."""

from typing import Any

import pytest

from incidents.protocol import owing
from incidents.protocol.state import SeatState, State, empty
from tests.incidents.story import PROTOCOL

OWNER, IC, COMMS, DEPUTY, MANAGER, PERSON = 1, 2, 3, 4, 5, 6

TEXTS = ("client_notice", "status_page", "announce")
CADENCES = ("update.responders", "update.clients", "update.public", "executive")
OF_A_PERSON = ("ack", "response", "joined")
ALL_ELSE = ("lead", "bridge", "blast_radius", "theory", "leadership")

WRITER, LEADER, ALSO_IC = ("comms", "ic", "owner"), ("ic", "owner"), ("ic",)
# Clock and step; each line gives one person: the first of it that there is.
TABLE: dict[tuple[str, str], tuple[tuple[str, ...], ...]] = {
    **{(clock, "overdue"): (WRITER,) for clock in TEXTS + CADENCES},
    **{(clock, "remind"): (WRITER,) for clock in CADENCES},
    **{
        (clock, "overdue_ic"): (ALSO_IC,) for clock in TEXTS + CADENCES + OF_A_PERSON + ALL_ELSE + ("triage",)
    },
    **{(clock, "overdue_manager"): (("manager",),) for clock in CADENCES},
    **{(clock, "overdue"): (("person",),) for clock in OF_A_PERSON},
    **{(clock, "overdue"): (LEADER,) for clock in (*ALL_ELSE, "triage", "ic")},
    ("seat", "overdue"): (("person",), ALSO_IC),  # ROLE-29 names the IC
    ("decision", "overdue"): (LEADER, ("deputy",)),  # CLK-30 names the deputy
    ("stabilisation", "open"): (LEADER,),
    ("chain", "next"): (),
}
USERS = {"comms": COMMS, "ic": IC, "owner": OWNER, "deputy": DEPUTY, "manager": MANAGER, "person": PERSON}


def test_the_table_has_a_row_for_every_step_of_every_clock() -> None:
    assert set(TABLE) == {(clock.id, step.name) for clock in PROTOCOL.clocks for step in clock.steps}


def stood(absent: frozenset[str]) -> State:
    """A state with everybody in place but those who are `absent`."""
    state = empty()
    seats = {seat: USERS[seat] for seat in ("comms", "ic", "deputy") if seat not in absent}
    state["seats"] = {
        seat: SeatState(user=user, since=state["opened"], seq=1, claimed=True, acked=True)
        for seat, user in seats.items()
    }
    state["owner"] = None if "owner" in absent else OWNER
    state["managers"] = [] if "manager" in absent else [MANAGER]
    page: Any = {"user": PERSON, "at": "", "call": "chain", "level": 1, "by": None}
    state["pages"] = {str(PERSON): page}
    return state


@pytest.mark.ledger("CLK-16", "ROLE-29", "CLK-30")
@pytest.mark.parametrize("row", TABLE, ids=".".join)
@pytest.mark.parametrize(
    "absent",
    [
        frozenset[str](),
        frozenset({"comms"}),
        frozenset({"ic"}),
        frozenset({"comms", "ic"}),
        frozenset({"comms", "ic", "owner", "deputy", "manager"}),
    ],
    ids=lambda absent: " and ".join(sorted(absent)) or "nobody",
)
def test_every_step_tells_whom_the_table_names(row: tuple[str, str], absent: frozenset[str]) -> None:
    clock = PROTOCOL.clock[row[0]]
    wanted = [next((USERS[each] for each in line if each not in absent), None) for line in TABLE[row]]

    told = owing.recipients(stood(absent), clock, clock.step_by_name[row[1]], str(PERSON))

    assert told == [user for user in wanted if user is not None]

"""The permission matrix whole: every role and seat, every act, through flow, page and API (RBAC-21).

Each person tries each act three ways, each try rolled back. Whether a right is missing is computed from `people.rights`
alone; a missing right must be refused with 403 (outside the room: the page and the API know no such incident, 404), and
a right that is held may meet a gate or a form, but never 403 for want of the right.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction

from desk.registry import every_act
from incidentdesk.kernel import clock
from incidents.authority import Authority
from incidents.models import Incident
from incidents.record import protocol_of
from people.matrix import Right
from people.models import User
from people.rights import Column, Grant, columns, may
from people.roles import Role
from tests.desk.bodies import CHANGE, body
from tests.desk.doors import Came, by_api, by_flow, by_page, signed_in, token
from tests.factories import commander, do, make_client, make_incident, make_service, minutes
from tests.people.factories import make_user

# Seats with a role that qualifies for them; `owner` is of an incident that nobody leads.
SEATS = {"ic": "ic", "deputy": "ic", "ops": "engineer", "comms": "comms", "sme": "sme", "scribe": "support"}
PERSONS = [
    *(f"role {role}" for role in Role.values),
    *(f"seat {seat}" for seat in SEATS),
    "owner of SEV-1",
    "owner of SEV-3",
]

# Where the right alone does not decide: who may do these is a rule of the incident, tested with the seats.
OF_THE_SEAT = {
    "seat-acknowledgements", "handovers", "handover-answers", "seat-ends", "absences",
}  # fmt: skip


@dataclass(frozen=True)
class Cast:
    """One incident and the person who tries everything on it."""

    incident: Incident
    person: User
    other: User
    seats: tuple[str, ...] = ()
    owns: bool = False
    led: bool = True

    @property
    def columns(self) -> frozenset[Column]:
        """Where the person stands, by what this test has set up itself."""
        return columns(
            self.person.roles,
            self.seats,
            severity=self.incident.severity,
            is_owner=self.owns,
            has_ic=self.led,
        )

    @property
    def grants(self) -> frozenset[Grant]:
        """What is open here: nothing was told to clients, and the Comms seat is empty but for its holder."""
        return frozenset(
            {Grant.FIRST_CLIENT_TEXT} | (set() if "comms" in self.seats else {Grant.COMMS_SEAT_EMPTY})
        )


def cast(who: str) -> Cast:
    """An incident with a change proposed and approved by others, with the person in the place named."""
    now = clock.now()
    service = make_service(bridge="https://bridge.example/7")
    make_client()
    kind, _, name = who.partition(" ")
    other = commander("Omar")
    if kind == "owner":
        person = make_user("Owen", roles=["engineer"])
        incident = make_incident(
            by=person, service=service, severity=int(name[-1]), declared_at=now - minutes(9)
        )
        return Cast(incident, person, other, owns=True, led=False)
    person = make_user("Pia", roles=[SEATS[name] if kind == "seat" else name])
    ic = person if who == "seat ic" else commander("Sarah")
    incident = make_incident(by=other, service=service, declared_at=now - minutes(9))
    do(incident, "seats", ic, now - minutes(8), role="ic")
    if kind == "seat" and name != "ic":
        domain = {"domain": "database"} if name == "sme" else {}
        do(incident, "seats", ic, now - minutes(8), role=name, person=person.uid, **domain)
    do(incident, "changes", other, now - minutes(7), **CHANGE, risk="30 s")
    return Cast(incident, person, other, seats=(name,) if kind == "seat" else ())


def tried(act: Callable[..., Came], *what: Any) -> Came:
    """What came of it, and nothing of it left."""
    with transaction.atomic():
        came = act(*what)
        transaction.set_rollback(True)
    return came


def right_of(scene: Cast, noun: str) -> Right | None:
    """The right an act takes here, or None where it is the person's without one."""
    flow = every_act()[noun]
    if isinstance(flow.right, Right):
        return flow.right
    state = Incident.objects.get(pk=scene.incident.pk).state
    protocol = protocol_of(scene.incident.protocol_id)
    who = Authority.of(protocol, state, scene.person, clock.now())
    return flow.right(who, flow.form(**body(noun, other=scene.other)))


def wrong(scene: Cast, noun: str, came: dict[str, Came]) -> list[str]:
    """Where flow, page or API let through what the table refuses, or refuse what it allows."""
    flow, right = every_act()[noun], right_of(scene, noun)
    held = right is None or may(right, scene.columns, scene.grants)
    inside = scene.person.sees_room
    by_role = isinstance(flow.right, Right) and may(flow.right, columns(scene.person.roles))
    summary = may(Right.SEE, columns(scene.person.roles))
    found = []
    for door, each in came.items():
        visible = door == "flow" or inside or (by_role and summary)
        if not visible:
            fits = each.status == 404
        elif held:
            fits = each.status in (200, 409, 422) or (each.status == 403 and noun in OF_THE_SEAT)
        else:
            fits = each.status == 403
        if not fits:
            found.append(
                f"{door} {noun}: {each.status} ({each.sentence}) though {right} is {'held' if held else 'missing'}"
            )
    return found


@pytest.mark.django_db
@pytest.mark.ledger("RBAC-01", "RBAC-21")
@pytest.mark.parametrize("who", PERSONS)
def test_everybody_may_do_what_the_table_says_through_every_door(who: str) -> None:
    scene = cast(who)
    browser, text = signed_in(scene.person), token(scene.person)
    problems: list[str] = []

    for noun in every_act():
        fields = body(noun, other=scene.other)
        came = {
            "flow": tried(by_flow, scene.incident, noun, fields, scene.person),
            "page": tried(by_page, scene.incident, noun, fields, browser),
            "api": tried(by_api, scene.incident, noun, fields, text),
        }
        problems += wrong(scene, noun, came)

    assert problems == []


@pytest.mark.django_db
@pytest.mark.parametrize("role", Role.values)
def test_declaring_is_for_everybody_whom_the_table_lets(role: str) -> None:
    from desk.flows import declare
    from desk.forms.incident import DeclareForm
    from incidentdesk.kernel.errors import NotAllowed
    from tests.desk.doors import sends
    from tests.factories import new_id

    make_service()
    person = make_user("Pia", roles=[role])
    fields = {"severity": 3, "symptom": "slow"}

    response = sends(token(person), "/incidents", fields)
    try:
        declare(DeclareForm(**fields), by=person, request_id=new_id(), now=clock.now())
        done = True
    except NotAllowed:
        done = False

    allowed = may(Right.DECLARE, columns([role]))
    assert done is allowed
    assert response.status_code == (200 if allowed else 403)

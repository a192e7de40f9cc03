"""The summary: an allow-list for people outside the room, and never a byte of what is said inside."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidentdesk.kernel import clock
from incidents.models import Incident
from people.models import User
from tests.desk.doors import signed_in
from tests.factories import commander, do, make_client, make_incident, make_service, minutes
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db
SECRETS = (
    "a log ran wild",
    "disk at 100",
    "Fail over to Berlin",
    "https://bridge.example/7",
    "Priya Nair",
    "Kestrel Bank",
)


@pytest.fixture
def incident() -> Incident:
    """A SEV-1 with much said inside, and one update to everybody."""
    sarah = commander("Sarah Okafor")
    priya = make_user("Priya Nair", roles=["engineer"])
    service = make_service("Checkout", revenue_per_hour=38_400, bridge="https://bridge.example/7")
    started = clock.now() - minutes(4)
    made = make_incident(
        by=sarah,
        service=service,
        declared_at=started,
        title="Cards are declined",
        clients=[make_client().slug],
    )
    do(made, "seats", sarah, started, role="ic")
    do(made, "entries", priya, clock.now(), kind="theory", text="a log ran wild")
    do(made, "entries", priya, clock.now(), kind="finding", text="disk at 100", source="df", value="1")
    do(
        made,
        "changes",
        priya,
        clock.now(),
        what="Fail over to Berlin",
        target="db",
        why="disk",
        effect="writes",
        undo="back",
    )
    do(
        made, "updates", sarah, clock.now(), audiences=["responders", "executives", "clients", "public"],
        status="investigating", impact="Card payments fail", known="disk at 100", business="Revenue has stopped",
    )  # fmt: skip
    return made


def opened(user: User, incident: Incident, tail: str = "summary/", **query: Any) -> Any:
    return signed_in(user).get(f"/incidents/{incident.key}/{tail}", query)


@pytest.mark.parametrize("role", ["executive", "spectator", "customer_support"])
def test_nothing_said_in_the_war_room_is_on_it(incident: Incident, role: str) -> None:
    viewer = make_user("Marcus", roles=[role])

    page = opened(viewer, incident)
    text = page.content.decode()

    assert page.status_code == 200
    assert ("Revenue has stopped" if role == "executive" else "Card payments fail") in text
    assert [secret for secret in SECRETS if secret in text] == []
    assert opened(viewer, incident, "").headers["Location"].endswith("/summary/")
    for room in ("record/", "live/", "updates/new/"):
        assert opened(viewer, incident, room).status_code == 404


def test_each_reads_the_texts_meant_for_them(incident: Incident) -> None:
    executive = opened(make_user("Marcus", roles=["executive"]), incident).content.decode()
    spectator = opened(make_user("Noor", roles=["spectator"]), incident).content.decode()

    assert "Revenue has stopped" in executive
    assert "Revenue has stopped" not in spectator
    assert executive.count("<article") == spectator.count("<article") == 1


def test_revenue_is_for_executives_and_managers(incident: Incident) -> None:
    assert "38,400" in opened(make_user("Marcus", roles=["executive"]), incident).content.decode()
    assert "38,400" in opened(make_user("Dana", roles=["manager"]), incident).content.decode()
    for role in ("spectator", "customer_support"):
        assert "38,400" not in opened(make_user("Noor", roles=[role]), incident).content.decode()


@pytest.mark.ledger("INC-46")
@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("open", "Investigating"),
        ("investigating", "Investigating"),
        ("identified", "Identified"),
        ("mitigating", "Mitigating"),
        ("monitoring", "Monitoring"),
        ("resolved", "Resolved"),
        ("closed", "Resolved"),
    ],
)
def test_readers_see_one_of_five_words(incident: Incident, status: str, word: str) -> None:
    state = {**incident.state, "status": status}
    Incident.objects.filter(pk=incident.pk).update(state=state)

    page = opened(make_user("Marcus", roles=["executive"]), incident).content.decode()
    listed = signed_in(make_user("Noor", roles=["spectator"])).get("/incidents/").content.decode()

    assert re.search(rf"{incident.key}</span> {word}\n?", page)
    assert (
        "<td>Investigating</td>" in listed
    )  # the column says what it said; the state alone was changed here


def test_the_next_update_is_that_of_the_readers_own_clock(incident: Incident) -> None:
    page = opened(make_user("Marcus", roles=["executive"]), incident).content.decode()

    due = incident.next_update_at
    assert due is not None
    assert re.search(r'data-until="\d{4}-\d\d-\d\dT', page)
    assert "Next update due" in page


def test_the_poll_brings_the_region_when_something_changed_and_nothing_for_what_happens_inside(
    incident: Incident,
) -> None:
    marcus, sarah = make_user("Marcus", roles=["executive"]), commander("Mikael")
    first = opened(marcus, incident)
    cursor = re.search(r'data-cursor="(\w+)"', first.content.decode())
    assert cursor

    do(incident, "entries", sarah, clock.now(), kind="note", text="inside only")
    quiet = opened(marcus, incident, "summary/live/", after=cursor[1])
    do(
        incident,
        "updates",
        commander_of(incident),
        clock.now(),
        audiences=["executives"],
        impact="Half of it works",
        status="investigating",
    )
    news = opened(marcus, incident, "summary/live/", after=cursor[1])

    assert (quiet.status_code, quiet.content) == (204, b"")
    assert quiet["Desk-Now"]
    assert news.status_code == 200
    assert b'id="r-summary"' in news.content
    assert b"Half of it works" in news.content
    assert news["Desk-Rev"] != cursor[1]


def commander_of(incident: Incident) -> User:
    assert incident.ic is not None
    return incident.ic


def test_it_does_not_exist_for_clients_contacts_and_asks_strangers_to_sign_in(incident: Incident) -> None:
    assert opened(make_user("Cleo", roles=["client_contact"]), incident).status_code == 404
    assert opened(make_user("Cleo", roles=["client_contact"]), incident, "summary/live/").status_code == 404


def test_the_number_of_statements_does_not_grow_with_the_updates(incident: Incident) -> None:
    browser = signed_in(make_user("Marcus", roles=["executive"]))
    path = f"/incidents/{incident.key}/summary/"
    browser.get(path)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get(path)
        return len(queries)

    one = cost()
    for number in range(3):
        do(
            incident,
            "updates",
            commander_of(incident),
            clock.now(),
            audiences=["executives"],
            impact=f"More {number}",
            status="investigating",
        )

    assert cost() == one
    assert one <= 9

"""The room as a page: nothing missing, nothing typed taken for markup, the same cost however long it went on."""

from dataclasses import fields

import pytest
from django.template import Engine
from django.test import Client

from desk.room.shapes import RoomView
from incidents.models import Incident
from incidents.protocol import Draft
from people.models import User
from tests.desk.rooms import add, led, rich, room_of, statements
from tests.factories import T0, do, make_incident, make_service, minutes
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db


def test_every_part_that_the_templates_name_is_there(sarah: User, alex: User) -> None:
    room = room_of(led(sarah, alex), alex, T0 + minutes(5))

    missing = [field.name for field in fields(RoomView) if not hasattr(room, field.name)]

    assert missing == []


@pytest.mark.ledger("INC-02", "INC-28")
def test_dashboards_of_the_affected_services_stand_on_the_page(sarah: User, alex: User) -> None:
    service = make_service(
        "Ledger",
        dashboards=[
            {"name": "Writes", "url": "https://graphs.example/w"},
            {"name": "x", "url": "javascript:1"},
        ],
    )
    incident = led(sarah, alex, service=service)

    links = room_of(incident, alex, T0 + minutes(2)).places.dashboards

    assert [(link.label, link.url) for link in links] == [("Writes, Ledger", "https://graphs.example/w")]


def test_a_driven_incident_is_read_at_its_drivers_last_instant_and_does_not_poll(
    sarah: User, alex: User
) -> None:
    incident = led(sarah, alex)
    Incident.objects.filter(pk=incident.pk).update(time="driven", driven_now=T0 + minutes(4))

    room = room_of(incident, alex, T0 + minutes(9000))

    assert room.header.elapsed.text == "04:00"
    assert room.live.closed


def test_a_closed_record_offers_no_act_but_sending_again_what_was_given_up(sarah: User, alex: User) -> None:
    incident = make_incident(by=sarah)
    do(incident, "seats", sarah, T0, role="ic")
    do(incident, "closures", sarah, T0 + minutes(3), note="a drill of the monitoring")

    room = room_of(incident, sarah, T0 + minutes(4))

    assert room.may == {"deliveries"}
    assert room.banners == ()
    assert all(not seat.acts for seat in room.roster.seats)


@pytest.fixture
def strict_templates() -> object:
    """A template that names something which is not there prints a mark."""
    engine = Engine.get_default()
    before, engine.string_if_invalid = engine.string_if_invalid, "⟦%s⟧"
    yield
    engine.string_if_invalid = before


@pytest.mark.usefixtures("strict_templates")
def test_the_page_prints_nothing_that_is_not_there_and_every_typed_text_as_text(
    client: Client, sarah: User, alex: User
) -> None:
    incident = rich(sarah, alex)

    for person in (sarah, alex):
        client.force_login(person)
        page = client.get(f"/incidents/{incident.key}/").content.decode()

        assert page.count("<script>alert") == 0
        assert "&lt;script&gt;alert(1)" in page
        assert [
            mark[:60] for mark in page.split("⟦")[1:] if not mark.startswith(("room.answer", "shell"))
        ] == []


def test_the_page_takes_the_same_number_of_statements_at_50_and_at_5000_entries(
    client: Client, sarah: User, alex: User
) -> None:
    short, long = rich(sarah, alex), led(sarah, make_user("Bo Lind", roles=("engineer",)))
    add(short, *_notes(alex, 30), now=T0 + minutes(6))
    add(long, *_notes(alex, 5000), now=T0 + minutes(6))
    client.force_login(alex)

    counts = {statements(client, f"/incidents/{each.key}/") for each in (short, long)}

    assert len(counts) == 1
    assert counts.pop() in range(8, 25)


def _notes(by: User, many: int) -> list[Draft]:
    return [Draft("note", {}, by.pk, texts={"text": f"line {n}"}) for n in range(many)]


def test_a_refused_act_without_a_script_comes_back_with_the_room_and_all_that_was_typed(
    client: Client, sarah: User, alex: User
) -> None:
    incident = led(sarah, alex)
    client.force_login(alex)

    answer = client.post(
        f"/incidents/{incident.key}/entries/",
        {"kind": "finding", "text": "lag of 40 s on db-2", "source": "", "value": "", "request_id": "one"},
    )
    page = answer.content.decode()

    assert answer.status_code == 422
    assert "lag of 40 s on db-2" in page
    assert "A finding needs its source" in page
    assert 'id="r-header"' in page

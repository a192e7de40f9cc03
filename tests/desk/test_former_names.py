"""A new name rewrites no old record: each entry says what people, services and clients were called when it was written."""

import json
from typing import Any

import pytest
from django.db import connection, transaction

from incidentdesk.kernel import clock
from incidents.models import Client, Incident, Service
from people import administration
from people.administration import Profile
from people.audit import Source
from people.models import User
from people.naming import Naming, name_at
from tests.desk.doors import asks, signed_in, token
from tests.factories import commander, do, make_client, make_incident, minutes
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db


def rename(user: User, name: str) -> None:
    from dataclasses import replace

    user.refresh_from_db()
    administration.change(user, replace(Profile.of(user), name=name), source=Source(), now=clock.now())


@pytest.fixture
def night() -> tuple[Incident, User, User]:
    """An incident whose record names a commander and somebody in a payload, before both are renamed."""
    sarah, omar = commander("Sarah Okafor"), make_user("Omar Haddad", roles=["engineer"])
    incident = make_incident(by=sarah, declared_at=clock.now() - minutes(5))
    do(incident, "seats", sarah, clock.now(), role="ic")
    do(incident, "seats", sarah, clock.now(), role="ops", person=str(omar.uid))
    do(incident, "entries", sarah, clock.now(), kind="note", text="All writes fail")
    rename(sarah, "Sarah Lind")
    rename(omar, "Omar Lind")
    return incident, sarah, omar


def test_the_record_and_the_room_say_the_names_of_then(night: tuple[Incident, User, User]) -> None:
    incident, sarah, _ = night
    here = signed_in(sarah)

    record = here.get(f"/incidents/{incident.key}/record/").content.decode()
    entries = record[record.index("All writes fail") - 4000 :]

    assert "Sarah Okafor" in entries and "Omar Haddad" in record
    do(incident, "entries", sarah, clock.now(), kind="note", text="written under the new name")
    later = here.get(f"/incidents/{incident.key}/record/").content.decode()
    assert "Sarah Okafor" in later and "Sarah Lind" in later
    room = here.get(f"/incidents/{incident.key}/").content.decode()
    assert "Sarah Okafor" in room and "Sarah Lind" in room


def test_the_api_says_the_names_of_then_for_authors_and_for_people_in_payloads(
    night: tuple[Incident, User, User],
) -> None:
    incident, sarah, _ = night
    do(incident, "entries", sarah, clock.now(), kind="note", text="later")

    found = json.loads(asks(token(sarah), f"/incidents/{incident.key}/timeline").content)
    entries = found["entries"]
    named = [entry["author"]["name"] for entry in entries if entry["author"]]
    text = json.dumps(entries)

    assert named[-1] == "Sarah Lind" and set(named[:-1]) == {"Sarah Okafor"}
    assert "Omar Haddad" in text and "Omar Lind" not in text


def test_a_renamed_service_and_client_keep_their_names_in_old_entries() -> None:
    sarah, client = commander("Sarah"), make_client("Kestrel Bank")
    incident = make_incident(by=sarah, declared_at=clock.now() - minutes(5), clients=[client.slug])
    do(incident, "seats", sarah, clock.now(), role="ic")
    service = Service.objects.get()
    do(incident, "scope", sarah, clock.now(), services=[service.slug], clients=[client.slug])
    before = asks(token(sarah), f"/incidents/{incident.key}/timeline").content
    Service.objects.filter(pk=service.pk).update(name="Ledger Two")
    Client.objects.filter(pk=client.pk).update(name="Kestrel Two")

    after = asks(token(sarah), f"/incidents/{incident.key}/timeline").content

    assert "Kestrel Bank" in before.decode()
    assert json.loads(after) == json.loads(before)


def test_the_database_keeps_former_names_whoever_renames_and_lets_nobody_change_them() -> None:
    sarah = make_user("Sarah")
    User.objects.filter(pk=sarah.pk).update(name="Sarah Two")
    stale = sarah
    stale.name = "Sarah Three"
    stale.save()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE people_user SET former_names = '[]', theme = 'dark' WHERE id = %s", [sarah.pk])
        cursor.execute("UPDATE people_user SET name = name, zone = 'Europe/Berlin' WHERE id = %s", [sarah.pk])

    sarah.refresh_from_db()
    assert [each["name"] for each in sarah.former_names] == ["Sarah", "Sarah Two"]


def test_the_name_of_an_instant_is_the_one_that_was_in_use() -> None:
    now = clock.now()
    sarah = make_user("Sarah")
    for name in ("Sarah Two", "Sarah Three"):
        User.objects.filter(pk=sarah.pk).update(name=name)
    sarah.refresh_from_db()

    assert name_at(sarah.name, sarah.former_names, now) == "Sarah"
    assert name_at(sarah.name, sarah.former_names, clock.now()) == "Sarah Three"
    assert name_at("Sarah", [], now) == "Sarah"
    naming = Naming.of([(1, sarah.name, sarah.former_names), (2, "Omar", [])])
    assert naming.at(now) == {1: "Sarah", 2: "Omar"} and naming.at(clock.now())[1] == "Sarah Three"


def test_no_renamed_person_costs_a_statement(
    night: tuple[Incident, User, User], django_assert_max_num_queries: Any
) -> None:
    incident, sarah, _ = night
    here = signed_in(sarah)
    here.get(f"/incidents/{incident.key}/record/")

    with django_assert_max_num_queries(14) as first:
        here.get(f"/incidents/{incident.key}/record/")
    count = len(first.captured_queries)
    rename(sarah, "Sarah Four")
    with django_assert_max_num_queries(count):
        here.get(f"/incidents/{incident.key}/record/")

"""Runbooks: which apply, how they read, and who may read them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidentdesk.kernel import clock
from incidents.models import Service
from runbooks.matching import applying
from runbooks.models import Runbook
from tests.desk.doors import signed_in
from tests.factories import T0, commander, make_incident, make_service
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db


def make_runbook(
    title: str = "Ledger is slow", *services: Service, body: str = "Look at the disk."
) -> Runbook:
    """A runbook for these services."""
    made = Runbook.objects.create(
        title=title, slug=title.lower().replace(" ", "-"), body=body, updated_at=clock.now()
    )
    made.services.set(services)
    return made


def test_runbooks_of_the_service_come_first_then_those_of_what_it_leans_on() -> None:
    ledger, database, mail = make_service("Ledger"), make_service("Database"), make_service("Mail")
    ledger.dependencies.add(database)
    make_runbook("A database fails over", database)
    make_runbook("Ledger is slow", ledger)
    make_runbook("Mail is stuck", mail)
    incident = make_incident(service=ledger, declared_at=T0)

    found = applying(incident.pk)

    assert [(each.title, each.url, each.names) for each in found] == [
        ("Ledger is slow", "/runbooks/ledger-is-slow/", "Ledger"),
        ("A database fails over", "/runbooks/a-database-fails-over/", "Database"),
    ]


def test_a_runbook_for_two_affected_services_is_named_once() -> None:
    one, two = make_service("Ledger"), make_service("Checkout")
    make_runbook("Both", one, two)
    incident = make_incident(service=one, declared_at=T0)
    incident.services.add(two)

    assert [each.names for each in applying(incident.pk)] == ["Checkout and Ledger"]


def test_the_page_shows_markdown_that_cannot_act() -> None:
    body = "# First\n\n1. `df -h`\n\n<script>alert(1)</script>\n\n[bad](javascript:alert(1)) [good](https://wiki.example/)"
    make_runbook("Disk is full", make_service("Ledger"), body=body)

    page = signed_in(commander()).get("/runbooks/disk-is-full/").content.decode()

    assert "<code>df -h</code>" in page
    assert 'href="https://wiki.example/"' in page
    assert "<script>alert" not in page
    assert 'href="javascript:' not in page
    assert "for Ledger" in page
    assert "hx-disable" in page


def test_the_list_names_every_runbook_at_the_same_cost_however_many() -> None:
    browser = signed_in(commander())
    service = make_service("Ledger")
    make_runbook("One", service)
    browser.get("/runbooks/")

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get("/runbooks/")
        return len(queries)

    one = cost()
    for number in range(4):
        make_runbook(f"More {number}", service)

    assert cost() == one
    assert browser.get("/runbooks/").content.decode().count("data-row") == 5


def test_they_are_for_the_war_room_alone() -> None:
    make_runbook("Disk is full")
    outside = signed_in(make_user("Marcus", roles=["executive"]))

    assert outside.get("/runbooks/").status_code == 404
    assert outside.get("/runbooks/disk-is-full/").status_code == 404
    assert signed_in(commander()).get("/runbooks/nothing/").status_code == 404

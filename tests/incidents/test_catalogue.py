"""Services and clients with a past are retired, never deleted; nobody is offered a retired one anew."""

import json
from typing import Any

import pytest
from django.test import Client as Browser

from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import Invalid
from incidentdesk.kernel.stamps import stamp
from incidents import catalogue
from incidents.models import Client, Service
from people.models import AuditEntry
from people.sudo import _KEY
from tests.desk.doors import asks, signed_in, token
from tests.factories import T0, commander, do, make_client, make_incident, make_service, minutes
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def office() -> Browser:
    made = Browser()
    made.force_login(make_user("Ines", roles=["admin"]))
    session = made.session
    session[_KEY] = stamp(clock.now())
    session.save()
    return made


def test_what_a_record_speaks_of_cannot_be_deleted_and_what_nothing_speaks_of_can(office: Browser) -> None:
    old, typo = make_client("Kestrel Bank"), make_client("Kestrle Bnak")
    incident = make_incident(by=commander(), declared_at=T0, clients=[old.slug])
    service = incident.services.get()

    for path in (f"client/{old.pk}", f"service/{service.pk}"):
        answer = office.post(f"/administration/incidents/{path}/delete/", {"post": "yes"})
        assert answer.status_code == 403
    gone = office.post(f"/administration/incidents/client/{typo.pk}/delete/", {"post": "yes"})

    assert gone.status_code == 302 and list(Client.objects.all()) == [old]
    assert Service.objects.filter(pk=service.pk).exists()
    assert (
        AuditEntry.objects.filter(event="administered", about="client Kestrle Bnak").get().details["what"]
        == "deleted"
    )


def test_a_client_that_only_an_entry_names_has_a_past() -> None:
    sarah, client = commander(), make_client()
    incident = make_incident(by=sarah, declared_at=T0, clients=[client.slug])
    do(
        incident,
        "scope",
        sarah,
        T0 + minutes(1),
        services=[incident.services.get().slug],
        clients=[client.slug],
    )
    incident.clients.clear()

    assert catalogue.has_past(client)
    assert not catalogue.has_past(make_client("Nobody"))


def test_a_retired_one_is_offered_nowhere_and_taken_by_no_door(office: Browser) -> None:
    sarah = commander()
    make_service("Ledger")
    retired, client = make_service("Old Ledger"), make_client("Kestrel Bank")
    incident = make_incident(by=sarah, declared_at=clock.now() - minutes(5))
    for name, row in (("service", retired), ("client", client)):
        answer = office.post(
            f"/administration/incidents/{name}/", {"action": "retire", "_selected_action": [row.pk]}
        )
        assert answer.status_code == 302

    here, text = signed_in(sarah), token(sarah)
    for path in ("/declare/", f"/incidents/{incident.key}/"):
        page = here.get(path).content.decode()
        assert "Old Ledger" not in page and "Kestrel Bank" not in page, path
    assert "Old Ledger" not in asks(text, "/services").content.decode()
    assert json.loads(asks(text, "/clients").content) == {"clients": []}
    for fields in ({"services": ["old ledger"]}, {"clients": [client.slug]}):
        sent: dict[str, Any] = {"services": [incident.services.get().slug], "clients": [], **fields}
        with pytest.raises(Invalid, match="retired"):
            do(incident, "scope", sarah, clock.now(), **sent)
    assert AuditEntry.objects.filter(event="administered", details__what="retired").count() == 2


def test_an_incident_keeps_what_is_retired_meanwhile_and_it_can_be_offered_again(office: Browser) -> None:
    sarah, client = commander(), make_client("Kestrel Bank")
    incident = make_incident(by=sarah, declared_at=clock.now() - minutes(5), clients=[client.slug])
    service = incident.services.get()
    now = clock.now()
    assert catalogue.retire(client, now=now) and catalogue.retire(service, now=now)
    assert not catalogue.retire(client, now=now)

    room = signed_in(sarah).get(f"/incidents/{incident.key}/").content.decode()
    do(incident, "scope", sarah, clock.now(), services=[service.slug], clients=[client.slug])
    office.post("/administration/incidents/client/", {"action": "restore", "_selected_action": [client.pk]})

    assert "Kestrel Bank" in room and service.name in room
    client.refresh_from_db()
    assert client.retired_at is None and not catalogue.restore(client)


def test_an_alert_of_a_retired_service_still_finds_it() -> None:
    """A service that still fires is not over, whatever the catalogue says: its team is paged."""
    service = make_service("Ledger")
    catalogue.retire(service, now=clock.now())

    from desk.affected import services

    class Waiting:
        id, service_slug = 1, "ledger"

    found = services([Waiting()])  # type: ignore[list-item]

    assert found == {1: service}

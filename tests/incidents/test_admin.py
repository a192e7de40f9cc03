"""The administration of the catalogue: it keeps services and clients, and only looks at what the acts write."""

import json
from typing import Any

import pytest
from django.test import Client as Browser

from incidentdesk.kernel import clock
from incidentdesk.kernel.stamps import stamp
from incidents.models import Client, Incident, Service
from people.sudo import _KEY
from runbooks.models import Runbook
from tests.factories import T0, make_client, make_incident, make_service
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Browser:
    """An administrator who has just given the password again."""
    made = Browser()
    made.force_login(make_user("Ines", roles=["admin"]))
    session = made.session
    session[_KEY] = stamp(clock.now())
    session.save()
    return made


def service_fields(service: Service, **changed: Any) -> dict[str, Any]:
    return {
        "name": service.name, "slug": service.slug, "team": service.team_id, "revenue_per_hour": 0, "bridge": "",
        "dashboards": "[]", "dependencies": [], "clients": [], **changed,
    }  # fmt: skip


def test_every_page_of_it_opens(browser: Browser) -> None:
    incident = make_incident(declared_at=T0)
    runbook = Runbook.objects.create(title="Disk", slug="disk", body="x", updated_at=T0)
    rows = {
        "incidents/service": Service.objects.get().pk,
        "incidents/client": make_client().pk,
        "incidents/incident": incident.pk,
        "incidents/protocolversion": incident.protocol_id,
        "runbooks/runbook": runbook.pk,
    }

    for name, pk in rows.items():
        assert browser.get(f"/administration/{name}/").status_code == 200, name
        assert browser.get(f"/administration/{name}/{pk}/change/").status_code == 200, name


def test_a_service_is_kept_here_and_its_dashboards_are_web_addresses(browser: Browser) -> None:
    service = make_service()
    path = f"/administration/incidents/service/{service.pk}/change/"
    good = [{"name": "Traffic", "url": "https://dashboards.example/1"}]
    bad = [{"name": "Traffic", "url": "javascript:alert(1)"}]

    refused = browser.post(path, service_fields(service, dashboards=json.dumps(bad)))
    saved = browser.post(path, service_fields(service, dashboards=json.dumps(good), critical_path="on"))

    service.refresh_from_db()
    assert (refused.status_code, saved.status_code) == (200, 302)
    assert (service.dashboards, service.critical_path) == (good, True)


def test_the_secret_of_a_client_is_never_shown_and_an_empty_one_keeps_it(browser: Browser) -> None:
    client = make_client(webhook_secret="whsec_abc")
    path = f"/administration/incidents/client/{client.pk}/change/"
    fields = {
        "name": "Kestrel",
        "slug": client.slug,
        "contact_emails": "",
        "webhook_url": "",
        "webhook_secret": "",
    }

    page = browser.get(path).content.decode()
    browser.post(path, fields)

    assert "whsec_abc" not in page
    assert Client.objects.values_list("name", "webhook_secret").get() == ("Kestrel", "whsec_abc")


def test_incidents_and_protocols_are_looked_at_and_never_changed(browser: Browser) -> None:
    incident = make_incident(declared_at=T0)

    for name, pk in (("incident", incident.pk), ("protocolversion", incident.protocol_id)):
        base = f"/administration/incidents/{name}/"
        assert browser.get(f"{base}add/").status_code == 403
        assert browser.post(f"{base}{pk}/change/", {"title": "Mine"}).status_code == 403
        assert browser.post(f"{base}{pk}/delete/", {"post": "yes"}).status_code == 403
    assert Incident.objects.get().title == incident.title


def test_a_saved_runbook_is_stamped_and_cleaned(browser: Browser) -> None:
    service = make_service()

    saved = browser.post(
        "/administration/runbooks/runbook/add/",
        {
            "title": "Disk  is\u202e full",
            "slug": "disk",
            "services": [service.pk],
            "body": "# Look\r\n\r\n`df`",
        },
    )

    runbook = Runbook.objects.get()
    assert saved.status_code == 302
    assert (runbook.title, runbook.body) == ("Disk is full", "# Look\n\n`df`")
    assert runbook.updated_at <= clock.now()

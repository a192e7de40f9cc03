"""Every page of the administration: each list, filter, sort, search, row and action answers, and no look-up tells a secret.

The test walks `admin.site`, so a page that is registered tomorrow is tried tomorrow.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client as Browser

from comms.models import Channel, Message
from incidentdesk.kernel import clock
from incidentdesk.kernel.stamps import stamp
from incidents.models import Client
from oncall.models import Quarantine, SeverityWord
from people import audit, tokens
from people.models import ApiToken, AuditEntry, EscalationStep, Team, User
from people.sudo import _KEY
from runbooks.models import Runbook
from tests.factories import T0, commander, make_client, make_incident
from tests.people.factories import make_team, make_user

pytestmark = pytest.mark.django_db

HOSTILE = (
    "",
    "a",
    "%",
    "_",
    "'",
    '"',
    "\\",
    "\0",
    "é" * 300,
    "-1",
    "1 or 1=1",
    "[]",
    "{}",
    "\n",
    "a b c",
)
OPEN = {200, 302, 400, 403, 404}


@pytest.fixture
def browser() -> Browser:
    """An administrator who has just given the password again, in a desk with a row of everything."""
    ines = make_user("Ines", roles=["admin"])
    make_team("Ledger", people=[ines], manager=ines)
    client = make_client(webhook_secret="whsec_abc", webhook_url="https://client.example/in")
    incident = make_incident(by=commander(), declared_at=T0)
    incident.clients.add(client)
    Runbook.objects.create(title="Disk", slug="disk", body="x", updated_at=T0)
    Quarantine.objects.create(source="alertmanager", reason="No JSON", body=b"\xff", received_at=T0)
    SeverityWord.objects.create(word="fatal", alert="DiskFull", source="alertmanager", first_at=T0)
    Message.objects.create(
        dedupe_key="k", channel=Channel.EMAIL, dest="a@example.org", lane="mail", state="dead", due_at=T0, created_at=T0,
        incident=incident,
    )  # fmt: skip
    now = clock.now()
    tokens.make(ines, name="Nightly", scopes=["admin", "incidents:read"], now=now)
    audit.record(audit.Event.SIGNED_IN, by=ines, about=ines.email, details={"device": "Firefox"}, now=now)
    made = Browser()
    made.force_login(ines)
    session = made.session
    session[_KEY] = stamp(now)
    session.save()
    return made


def pages() -> Iterator[tuple[str, Any, Model]]:
    """The address of each list, its page, and one row of it."""
    for model, page in admin.site._registry.items():
        row = page.get_queryset(None).first()  # type: ignore[arg-type]  # asks nothing of the request
        assert row is not None, f"{model.__name__} is registered, but the test has no row of it"
        yield f"/administration/{model._meta.app_label}/{model._meta.model_name}/", page, row


def test_every_list_filter_sort_search_and_row_answers(browser: Browser) -> None:
    asked = 0
    for base, page, row in pages():
        listed = browser.get(base)
        assert listed.status_code == 200, base
        changelist = listed.context["cl"]
        wanted = [f"?o={way}{n}" for n in range(1, len(page.list_display) + 2) for way in ("", "-")]
        wanted += [
            choice["query_string"] for spec in changelist.filter_specs for choice in spec.choices(changelist)
        ]
        wanted += [f"?{name}={value}" for spec in changelist.filter_specs for name in spec.expected_parameters()
                   for value in ("x", "-1", "%00", "1,2", "")]  # fmt: skip
        wanted += ["?p=999", "?p=x", "?all=1", "?e=1", "?o=x", "?o=1.-2", "?_popup=1", "?_to_field=id"]
        if page.date_hierarchy:
            day = page.date_hierarchy
            wanted += [f"?{day}__year=2026", f"?{day}__year=2026&{day}__month=3", f"?{day}__year=x",
                       f"?{day}__year=2026&{day}__month=3&{day}__day=8"]  # fmt: skip
        for query in wanted:
            answer = browser.get(base + query)
            assert answer.status_code in OPEN, (base, query)
            assert answer.status_code != 404, (base, query)
            asked += 1
        for text in HOSTILE:
            assert browser.get(base, {"q": text}).status_code in OPEN, (base, text)
        for path in ("add/", f"{row.pk}/change/", f"{row.pk}/history/", f"{row.pk}/delete/", f"{row.pk}/", "999/change/",
                     "x/change/", "%00/change/"):  # fmt: skip
            assert browser.get(base + path).status_code in OPEN, (base, path)
    assert asked > 150


def test_every_action_answers_and_none_deletes_rows(browser: Browser) -> None:
    before = {model: model._default_manager.count() for model in admin.site._registry}
    for base, page, row in pages():
        request = browser.get(base).wsgi_request
        names = [*page.get_actions(request), "delete_selected", "nothing"]
        for name in names:
            answer = browser.post(base, {"action": name, "_selected_action": [row.pk], "post": "yes"})
            assert answer.status_code in OPEN, (base, name)
    after = {
        model: model._default_manager.count() for model in admin.site._registry if model is not AuditEntry
    }

    assert {model: count for model, count in after.items() if count < before[model]} == {}
    assert ApiToken.objects.get().revoked_at is not None


def test_no_look_up_but_those_of_its_filters_is_answered(browser: Browser) -> None:
    """A list that can be filtered by the beginning of a hash or a secret tells it letter by letter."""
    answered = []
    for base, page, _row in pages():
        for path in paths(page.model):
            for ending in ("", "__startswith"):
                answer = browser.get(base, {f"{path}{ending}": "1"})
                if answer.status_code != 400:
                    answered.append((base, f"{path}{ending}", answer.status_code))
    told = [each for each in answered if each[1] not in FILTERS]

    assert told == []


FILTERS = {
    "is_active", "is_machine", "team", "critical_path", "core_revenue", "kind", "status", "severity", "source",
    "channel", "event", "scope", "retired_at",
}  # fmt: skip


def paths(model: type[Model]) -> list[str]:
    """Every field, and every field of what it points to."""
    found = []
    for field in model._meta.get_fields():
        found.append(field.name)
        related = getattr(field, "related_model", None)
        if isinstance(related, type):
            found += [f"{field.name}__{each.name}" for each in related._meta.get_fields()]
    return found


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("people/user", "password__startswith"),
        ("people/user", "sessions__session_key__startswith"),
        ("people/apitoken", "digest__startswith"),
        ("people/apitoken", "user__password__startswith"),
        ("people/team", "manager__password__startswith"),
        ("incidents/client", "webhook_secret__startswith"),
        ("incidents/service", "clients__webhook_secret__startswith"),
    ],
)
def test_the_beginning_of_a_secret_cannot_be_asked_for(browser: Browser, path: str, query: str) -> None:
    for beginning in ("argon2", "zzz"):
        assert browser.get(f"/administration/{path}/", {query: beginning}).status_code == 400


def test_every_page_says_no_secret(browser: Browser) -> None:
    ines = User.objects.get(name="Ines")
    ines.set_password("a long night at sea")
    ines.save(update_fields=["password"])
    browser.force_login(ines)
    session = browser.session
    session[_KEY] = stamp(clock.now())
    session.save()
    secrets = [ines.password, ApiToken.objects.get().digest, "whsec_abc", session.session_key]

    for base, _page, row in pages():
        for path in ("", f"{row.pk}/change/", f"{row.pk}/history/"):
            said = browser.get(base + path).content.decode()
            assert [secret for secret in secrets if secret and secret in said] == [], base + path


def test_tokens_are_found_by_scope(browser: Browser) -> None:
    ines = User.objects.get(name="Ines")
    tokens.make(ines, name="Pulse", scopes=["ops:read"], now=clock.now())

    page = browser.get("/administration/people/apitoken/", {"scope": "ops:read"}).content.decode()

    assert "Pulse" in page and "Nightly" not in page


def test_each_change_leaves_an_entry_with_what_it_was_and_is_and_no_secret(browser: Browser) -> None:
    client = Client.objects.get()
    browser.post(
        f"/administration/incidents/client/{client.pk}/change/",
        {"name": "Kestrel Two", "slug": client.slug, "contact_emails": "", "webhook_url": "", "webhook_secret": "whsec_new"},
    )  # fmt: skip

    entry = AuditEntry.objects.filter(event="administered").latest("pk")
    assert (entry.by_name, entry.about) == ("Ines", "client Kestrel Two")
    assert entry.details["name"] == "Kestrel Bank -> Kestrel Two"
    assert entry.details["webhook_secret"] == "***"
    assert "whsec" not in str(entry.details)


def test_a_secret_that_was_left_as_it_is_stands_in_no_entry_as_changed(browser: Browser) -> None:
    client = Client.objects.get()
    Client.objects.filter(pk=client.pk).update(webhook_secret="whsec_kept")
    browser.post(
        f"/administration/incidents/client/{client.pk}/change/",
        {
            "name": "Kestrel Two",
            "slug": client.slug,
            "contact_emails": "",
            "webhook_url": "",
            "webhook_secret": "",
        },
    )

    client.refresh_from_db()
    assert (client.name, client.webhook_secret) == ("Kestrel Two", "whsec_kept")
    assert "webhook_secret" not in AuditEntry.objects.filter(event="administered").latest("pk").details


def test_a_changed_escalation_list_leaves_an_entry(browser: Browser) -> None:
    team = Team.objects.get(name__startswith="Ledger")
    step = EscalationStep.objects.get(team=team)
    omar = make_user("Omar")
    sent = {
        "name": team.name, "slug": team.slug, "zone": "UTC", "holidays": "", "manager": team.manager_id,
        "steps-TOTAL_FORMS": 2, "steps-INITIAL_FORMS": 1, "steps-MIN_NUM_FORMS": 0, "steps-MAX_NUM_FORMS": 1000,
        "steps-0-id": step.pk, "steps-0-team": team.pk, "steps-0-position": 2, "steps-0-user": step.user_id,
        "steps-1-id": "", "steps-1-team": team.pk, "steps-1-position": 1, "steps-1-user": omar.pk,
    }  # fmt: skip

    answer = browser.post(f"/administration/people/team/{team.pk}/change/", sent)

    assert answer.status_code == 302
    assert "Omar" in str(AuditEntry.objects.filter(event="administered").latest("pk").details["parts"])

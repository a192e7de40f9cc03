"""Secrets that must be read again are encrypted under a key outside the database, and the key can be changed."""

import importlib
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import FieldError
from django.core.management import CommandError, call_command
from django.db import connection

from comms import delivery
from comms.models import Channel, Message
from incidentdesk.kernel import encrypted
from incidents.models import Client
from people.models import AuditEntry
from tests.factories import make_client

pytestmark = pytest.mark.django_db

OLD, NEW, OTHER = (letter * 3 + "-0123456789abcdefghijklmnopqrstuvwxyz-0123456789abc" for letter in "onx")


def stored() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT webhook_secret FROM incidents_client")
        return str(cursor.fetchone()[0])


def test_what_stands_in_the_database_opens_nothing() -> None:
    make_client(webhook_secret="whsec_abc")
    first = stored()
    Client.objects.update(webhook_secret="whsec_abc")

    assert "whsec" not in first and first.startswith("enc1:") and stored() != first
    assert Client.objects.get().webhook_secret == "whsec_abc"


def test_no_secret_stays_no_secret() -> None:
    make_client()

    assert (stored(), Client.objects.get().webhook_secret) == ("", "")


@pytest.mark.parametrize("lookup", ["", "__exact", "__startswith", "__contains", "__regex", "__gt", "__in"])
def test_nothing_can_be_looked_up_by_a_secret(lookup: str) -> None:
    with pytest.raises(FieldError):
        list(Client.objects.filter(**{f"webhook_secret{lookup}": "w"}))


def test_a_secret_survives_one_change_of_the_key_and_after_the_command_the_old_key_can_go(
    settings: Any,
) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []
    make_client(webhook_secret="whsec_abc")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    with_both = Client.objects.get().webhook_secret
    out = StringIO()

    call_command("rotate_secrets", stdout=out)

    settings.SECRET_KEY_FALLBACKS = []
    assert with_both == Client.objects.get().webhook_secret == "whsec_abc"
    assert "SECRET_KEY: 1." in out.getvalue()
    assert AuditEntry.objects.get(event="command").about == "rotate_secrets"


def test_a_secret_whose_key_is_gone_is_kept_and_signs_nothing(settings: Any) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []
    settings.WEBHOOK_SECRET = "whsec_bXkgb3duIHNlY3JldCBvZiB0aGUgZGVzaw=="
    client = make_client(webhook_secret="whsec_abc")
    before = stored()
    settings.SECRET_KEY = OTHER

    lost = Client.objects.get()
    lost.name = "Kestrel Two"
    assert bool(lost.webhook_secret) and lost.webhook_secret == ""
    lost.save()
    with pytest.raises(CommandError, match="left unchanged: 1"):
        call_command("rotate_secrets", stdout=StringIO())
    message = Message(
        dedupe_key="k", channel=Channel.WEBHOOK, dest="https://client.example/", payload={"client": client.pk}
    )
    with pytest.raises(ValueError, match="cannot be read"):
        delivery.parcel([message], delivery._secrets([message]), {})

    settings.SECRET_KEY = OLD
    assert (stored(), Client.objects.get().webhook_secret) == (before, "whsec_abc")


def test_a_page_that_lists_clients_reads_no_secret(django_assert_num_queries: Any) -> None:
    make_client(webhook_secret="whsec_abc")

    with django_assert_num_queries(1) as captured:
        assert [client.name for client in Client.objects.all()] == ["Kestrel Bank"]
    assert "webhook_secret" not in captured.captured_queries[0]["sql"]


def test_secrets_of_the_version_before_are_encrypted_by_the_migration_and_there_is_a_way_back() -> None:
    migration = importlib.import_module("incidents.migrations.0010_secrets_are_encrypted")
    make_client()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE incidents_client SET webhook_secret = 'whsec_plain'")

    class Editor:
        pass

    editor: Any = Editor()
    editor.connection = connection
    migration.encrypt(None, editor)
    first = stored()
    migration.encrypt(None, editor)

    assert first == stored() and Client.objects.get().webhook_secret == "whsec_plain"
    migration.decrypt(None, editor)
    assert stored() == "whsec_plain"


def test_a_text_that_nobody_encrypted_is_no_secret() -> None:
    assert isinstance(encrypted.decrypt("planted"), encrypted.Unreadable)

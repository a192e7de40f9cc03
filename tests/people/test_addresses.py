"""Addresses with international domains: one account, whichever way the address is written."""

import io
import json
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory

from incidentdesk.kernel.errors import Invalid
from incidents.models import Client as Customer
from people import accounts, throttle
from people.models import User
from tests.people.factories import PASSWORD, make_user
from tests.people.moments import T0

pytestmark = pytest.mark.django_db

SPELLINGS = (
    "oncall@bücher.example",
    "OnCall@BÜCHER.example",
    "oncall@bu\u0308cher.example",
    "oncall@xn--bcher-kva.example",
    " oncall@XN--BCHER-KVA.example ",
    "oncall@ｂüｃｈｅｒ.example",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_an_address_is_one_account(spelling: str) -> None:
    made = make_user(email=spelling, password=PASSWORD)

    assert made.email == "oncall@bücher.example"
    for other in SPELLINGS:
        with pytest.raises(Invalid, match="already signs in"):
            accounts.create_user(email=other, name="Double")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_signs_in(spelling: str) -> None:
    """A browser sends the domain of an e-mail field in ASCII."""
    user = make_user(email="oncall@bücher.example", password=PASSWORD)
    browser = Client(SERVER_NAME="127.0.0.1")

    answer = browser.post("/sign-in/", {"login": spelling, "password": PASSWORD})

    assert answer.status_code == 302
    assert browser.session["_auth_user_id"] == str(user.pk)


def test_other_spellings_give_a_guesser_no_more_tries() -> None:
    request = RequestFactory(REMOTE_ADDR="192.0.2.1").post("/sign-in/")

    tries = [throttle.take(request, SPELLINGS[n % len(SPELLINGS)], now=T0) for n in range(6)]

    assert tries == [True] * 5 + [False]


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("jörg@example.org", "ASCII"),
        ("\u017farah@example.org", "ASCII"),
        ("\u212aim@example.org", "ASCII"),
        ("ada@bad..example", "no mail domain"),
        ("ada@-bad.example", "no mail domain"),
        ("ada@localdomain", "no mail domain"),
        ("ada@\N{SNOWMAN}\u200d.example", "no mail domain"),
        ("ada@" + "x" * 64 + ".org", "no mail domain"),
        ("a b@example.org", "not an e-mail address"),
        ("@example.org", "not an e-mail address"),
        ("ada", "not an e-mail address"),
        ("ada@example.org\r\nBcc: eve@evil.example", "not an e-mail address|no mail domain"),
    ],
)
def test_an_address_that_no_mail_reaches_is_refused_where_it_is_typed(address: str, says: str) -> None:
    with pytest.raises(Invalid, match=says) as refused:
        accounts.create_user(email=address, name="Nobody")
    with pytest.raises(CommandError, match=says):
        call_command("user", "--email", address, "--name", "Nobody", stdout=io.StringIO())

    assert "email" in refused.value.fields
    assert not User.objects.exists()


def test_the_commands_find_a_person_by_any_spelling() -> None:
    make_user(email="oncall@bücher.example")
    out = io.StringIO()

    call_command("token", "--user", "oncall@xn--bcher-kva.example", "--scope", "incidents:read", stdout=out)
    call_command("user", "--email", "OnCall@BÜCHER.example", "--name", "Renamed", stdout=io.StringIO())

    assert json.loads(out.getvalue())["user"] == "oncall@bücher.example"
    assert User.objects.get().name == "Renamed"


def administrators_browser() -> Client:
    user = make_user("Root", roles=["admin"], password=PASSWORD)
    browser = Client(SERVER_NAME="127.0.0.1")
    browser.post("/sign-in/", {"login": user.email, "password": PASSWORD})
    return browser


def saves(browser: Client, addresses: str) -> Any:
    form = {
        "name": "Kestrel",
        "slug": "kestrel",
        "contact_emails": addresses,
        "webhook_url": "",
        "webhook_secret": "",
    }
    return browser.post("/administration/incidents/client/add/", form)


def test_addresses_of_a_client_are_refused_where_no_mail_reaches_them() -> None:
    browser = administrators_browser()

    refused = saves(browser, "ops@kestrel.example,jörg@kestrel.example")
    taken = saves(browser, "ops@kestrel.example,Ops@BÜCHER.example")

    assert refused.status_code == 200 and "errorlist" in refused.content.decode()
    assert taken.status_code == 302, taken.content.decode()
    assert Customer.objects.get().contact_emails == ["ops@kestrel.example", "Ops@BÜCHER.example"]


def test_addresses_of_the_version_before_are_brought_into_one_form() -> None:
    ascii_, odd, taken = (make_user(name, password=PASSWORD) for name in ("Ada", "Omar", "Dana"))
    User.objects.filter(pk=ascii_.pk).update(email="oncall@xn--bcher-kva.example")
    User.objects.filter(pk=odd.pk).update(
        email="jörg@example.org"
    )  # no mail reaches it; the account stays as it is
    User.objects.filter(pk=taken.pk).update(email="oncall@xn--strae-oqa.example")
    make_user(email="oncall@straße.example")
    migration = import_module("people.migrations.0008_addresses_in_one_form")

    migration.in_one_form(apps, None)

    found = dict(User.objects.values_list("pk", "email"))
    assert found[ascii_.pk] == "oncall@bücher.example"
    assert found[odd.pk] == "jörg@example.org"
    assert found[taken.pk] == "oncall@xn--strae-oqa.example"

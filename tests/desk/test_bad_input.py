"""F28: whatever stands in an address, a form, a header or a cookie, no page falls over it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_from_bytes

import pytest
from django.conf import settings
from django.db import transaction
from django.http import QueryDict
from django.test import Client

from desk import parsing
from desk.forms.incident import DeclareForm
from desk.registry import every_act
from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import DeskError
from incidents.models import Incident
from people.models import User
from tests.desk.bodies import body
from tests.desk.doors import fields, signed_in, token
from tests.desk.test_parsing import BERLIN
from tests.factories import (
    commander,
    do,
    make_client,
    make_incident,
    make_service,
    make_user,
    minutes,
    new_id,
)

pytestmark = pytest.mark.django_db

NASTY: dict[str, str] = {
    "NUL": "a\0b",
    "half a surrogate": "a\ud800b",
    "5,000 digits": "9" * 5_000,
    "minus zero": "-0",
    "other digits": "\u0663\u00b2",
    "no number": "nan",
    "year 1 far east": "0001-01-01T00:00:00+14:00",
    "year 9999 far west": "9999-12-31T23:59:59-14:00",
    "year 1": "0001-01-01T00:00",
    "an open bracket": "http://[",
    "no IPv6": "https://[::1",
    "a quoted search": "\"' & | ! :* ((",
    "words that turn round": "\u202e\u2028<b>\u0301" + "\u0301" * 40,
    "a megabyte": "long " * 200_000,
}
FIELDS = {
    "/": ("after", "done"),
    "/live/": ("after",),
    "/declare/": (*DeclareForm.model_fields, "incident", "service", "picked"),
    "/declare/verdict/": (*DeclareForm.model_fields, "picked"),
    "/incidents/": ("q", "severity", "state", "kind", "after"),
    "/incidents/{key}/": ("done", "after"),
    "/incidents/{key}/live/": ("after",),
    "/incidents/{key}/record/": ("after", "before"),
    "/incidents/{key}/summary/": ("after",),
    "/incidents/{key}/summary/live/": ("after",),
    "/incidents/{key}/updates/new/": ("kind", "audiences"),
    "/runbooks/": ("q", "service"),
    "/account/": ("next",),
    "/account/confirm/": ("next",),
    "/sign-in/": ("next",),
    "/administration/people/user/": ("q", "o", "p", "is_active__exact"),
    "/api/v1/incidents": ("q", "severity", "state", "kind", "after", "limit", "cursor"),
    "/api/v1/incidents/{uid}/timeline": ("after", "limit"),
}
POSTED = {
    "/account/preferences/": ("theme", "shortcuts", "next"),
    "/account/sessions/": ("session", "others"),
    "/account/tokens/": ("name", "scopes", "days"),
    "/account/tokens/revoked/": ("token",),
    "/account/confirm/": ("password", "next"),
    "/account/password/": ("old", "new"),
    "/sign-in/": ("email", "login", "password", "next", "trusted"),
    "/sign-in/demo/": ("user", "person", "email"),
    "/ack/": ("csrfmiddlewaretoken", "link", "all"),
}  # fmt: skip
UPDATE = (
    *every_act()["updates"].form.model_fields, "status", "audiences", "text_clients",
)  # fmt: skip
nasty = pytest.mark.parametrize("value", NASTY.values(), ids=NASTY.keys())


@pytest.fixture
def incident() -> Incident:
    """A led incident."""
    sarah = commander("Sarah")
    made = make_incident(
        by=sarah, service=make_service(), clients=[make_client().slug], declared_at=clock.now() - minutes(5)
    )
    do(made, "seats", sarah, clock.now(), role="ic")
    return made


def browser(user: User | None = None) -> Client:
    """A browser that is told of a failure as people are, by its status."""
    return signed_in(user, raise_request_exception=False) if user else Client(raise_request_exception=False)


def sarah() -> User:
    return User.objects.get(name="Sarah")


def encoded(typed: Mapping[str, Any]) -> str:
    """Fields as they travel, with bytes that are no UTF-8 where half a surrogate stands."""
    pairs = (
        (name, each)
        for name, value in typed.items()
        for each in (value if isinstance(value, list) else [value])
    )
    return "&".join(
        f"{quote(name, errors='surrogatepass')}={quote_from_bytes(str(value).encode(errors='surrogatepass'))}"
        for name, value in pairs
    )


def got(client: Client, path: str, typed: Mapping[str, Any], **headers: str) -> int:
    """The status of reading an address with these fields."""
    return client.get(f"{path}?{encoded(typed)}", headers=headers).status_code


def posted(client: Client, path: str, typed: Mapping[str, Any], **headers: str) -> int:
    """The status of sending a form with these fields."""
    form = encoded({"request_id": new_id(), **typed})
    return client.post(
        path, form, content_type="application/x-www-form-urlencoded", headers=headers
    ).status_code


def each_alone(names: Iterator[str] | tuple[str, ...], value: str) -> Iterator[dict[str, str]]:
    """All fields nasty at once, then each of them alone, so that no refusal hides another."""
    names = tuple(dict.fromkeys(names))
    yield dict.fromkeys(names, value)
    for name in names:
        yield {name: value}


@nasty
def test_no_address_breaks_a_page(incident: Incident, value: str) -> None:
    value = value[:8_000]  # more than a server reads of an address
    inside, outside = browser(sarah()), browser(make_user("Eve", roles=("customer_support",)))
    admin = browser(make_user("Root", roles=("admin",)))
    stranger, program = browser(), browser()
    program.defaults["HTTP_AUTHORIZATION"] = f"Bearer {token(sarah())}"
    broken: list[tuple[str, ...]] = []

    for path, names in FIELDS.items():
        path = path.format(key=incident.key, uid=incident.uid)
        if path.startswith("/api/"):
            asked = [(program, typed) for typed in each_alone(names, value)]
        elif path.startswith("/administration/"):
            asked = [(admin, typed) for typed in each_alone(names, value)]
        else:
            asked = [(inside, typed) for typed in each_alone(names, value)]
            asked += [(who, dict.fromkeys(names, value)) for who in (outside, stranger)]
        broken += [(path, *typed) for who, typed in asked if got(who, path, typed) >= 500]

    assert broken == []


@nasty
def test_no_form_breaks_a_page(incident: Incident, value: str) -> None:
    inside, stranger = browser(sarah()), browser()
    room = f"/incidents/{incident.key}/"
    declared = {"severity": "3", "symptom": "writes fail", "services": "ledger"}
    sent = {"audiences": "responders", "impact": "writes fail"}
    broken = []

    def send(client: Client, path: str, typed: Mapping[str, Any]) -> None:
        with transaction.atomic():
            if posted(client, path, typed) >= 500:
                broken.append((path, *typed))
            transaction.set_rollback(True)

    for typed in each_alone((*DeclareForm.model_fields, "picked", "request_id"), value):
        send(inside, "/incidents/", {**declared, **typed})
    for typed in each_alone(UPDATE, value):
        send(inside, f"{room}updates/", {**sent, **typed})
        send(inside, f"{room}updates/preview/", {**sent, **typed})
    for path, names in POSTED.items():
        for client in (inside, stranger):
            send(client, path, dict.fromkeys(names, value))

    assert broken == []


@nasty
def test_no_act_s_field_breaks_it_through_page_or_api(incident: Incident, value: str) -> None:
    """Each act with all its fields nasty, and its whole room with the refusal."""
    inside, program = browser(sarah()), browser()
    other = commander("Omar")
    headers = {"Authorization": f"Bearer {token(sarah())}"}
    broken = []

    for noun, flow in every_act().items():
        names = flow.form.model_fields
        whole = dict.fromkeys((*names, "items.errors", f"items.{value[:90]}"), value[:30_000])
        with transaction.atomic():
            for typed in (whole, {**fields(body(noun, other=other)), "request_id": value[:200]}):
                if posted(inside, f"/incidents/{incident.key}/{noun}/", typed) >= 500:
                    broken.append(("page", noun))
            raw = json.dumps(dict.fromkeys(names, value[:30_000])).encode()
            answer = program.post(
                f"/api/v1/incidents/{incident.uid}/{noun}", raw, content_type="application/json",
                headers={**headers, "Idempotency-Key": new_id()},
            )  # fmt: skip
            broken += [("api", noun)] if answer.status_code >= 500 else []
            transaction.set_rollback(True)

    assert broken == []


@nasty
def test_every_field_of_every_form_is_taken_or_named_in_a_sentence(value: str) -> None:
    for noun, flow in every_act().items():
        for name in flow.form.model_fields:
            try:
                made = parsing.from_post(flow.form, QueryDict(encoded({name: value[:30_000]})), zone=BERLIN)
            except DeskError as error:
                assert error.sentence, (noun, name)
            else:
                assert "\0" not in str(made.model_dump()), (noun, name)


@nasty
def test_no_header_breaks_a_page(incident: Incident, value: str) -> None:
    value = value[:8_000].encode(errors="replace").decode("latin-1")
    names = ("HX-Current-URL", "Referer", "User-Agent", "X-Forwarded-For", "Accept-Language", "Cookie")
    paths = ("/", "/incidents/", f"/incidents/{incident.key}/live/", "/sign-in/")

    broken = [
        (name, path)
        for name in names
        for path in paths
        for who in (browser(), browser(sarah()))
        if got(who, path, {}, **{"HX-Request": "true", name: value}) >= 500
    ]

    assert broken == []


@pytest.mark.parametrize("name", ["SESSION", "CSRF", "DEVICE", "ACK", "LANGUAGE"])
@pytest.mark.parametrize("value", ['"\\000aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"', "9" * 5_000, "\u00e9" * 40])
def test_no_cookie_breaks_a_page(incident: Incident, name: str, value: str) -> None:
    cookie = f"{getattr(settings, f'{name}_COOKIE_NAME')}={value}"

    statuses = {got(browser(), path, {}, Cookie=cookie) for path in ("/", "/sign-in/", "/ack/", "/live/")}

    assert max(statuses) < 500

"""What holds for every address there is, walked over the URL configuration, so that a new page is held to it too.

S2, S3 (hidden is missing), S14 (a GET changes nothing), S27..S30 (policy, own assets, never stored), F29 (texts are text).
"""

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import get_resolver

from desk.flows import ACTS
from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import DeskError
from incidents.models import Incident
from people import access
from people.models import User
from runbooks.models import Runbook
from tests import door
from tests.desk.doors import PROGRAM, asks, signed_in, token
from tests.factories import commander, do, make_client, make_incident, make_service, minutes, new_id
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db

PLANTED = (
    "</textarea><script>planted()</script><img src=//planted.example/x onerror=planted()>"
    '<b hx-get="/planted/" hx-on:load="planted()" style="planted:1">\u202ebold</b>[go](javascript:planted())'
)
ROLES = ("admin", "ic", "engineer", "executive", "customer_support", "client_contact")
OUTSIDE = ("executive", "customer_support", "client_contact")
# What a request may leave behind: signs of life of a session, and counts that throttle.
NOT_TOLD = {
    "people_session", "people_throttle", "people_auditentry", "people_audittally", "desk_heartbeat", "desk_cache",
    "people_apitoken",
}  # fmt: skip


@pytest.fixture
def incident() -> Incident:
    """A led incident in which somebody typed the worst wherever there is room for it."""
    at = clock.now() - minutes(4)
    sarah, omar = commander("Sarah"), commander("Omar")
    service = make_service(revenue_per_hour=38_400)
    made = make_incident(
        by=sarah, declared_at=at, service=service, clients=[make_client().slug], title=PLANTED
    )
    do(made, "seats", sarah, at, role="ic")
    do(made, "seats", sarah, at, role="ops", person=omar.uid)
    Runbook.objects.create(title="Planted <script>", slug="planted", body=PLANTED, updated_at=at)
    worst = {
        "changes": ("what", "target", "why", "effect", "risk", "undo", "loss"),
        "impact": ("fails", "latency", "error_rate", "note"),
        "scope": ("regions", "environments", "features", "products"),
        "blast-radius": ("text", "environments", "healthy", "stuck"),
        "objectives": ("text",),
        "bridge": ("link",),
        "escalations": ("text",),
        "reasons": ("text",),
    }
    rest: dict[str, dict[str, Any]] = {"escalations": {"to": "vendor"}, "reasons": {"clock": "theory"}}
    for noun, names in worst.items():
        by = omar if noun in ("changes", "blast-radius") else sarah
        do(made, noun, by, at, **dict.fromkeys(names, PLANTED), **rest.get(noun, {}))
    for kind in ("finding", "theory", "question", "action", "decision", "nothing", "note"):
        text = {"kind": kind, "text": PLANTED, "source": PLANTED, "value": PLANTED, "why": PLANTED}
        do(made, "entries", omar, at, **text)
    do(made, "updates", sarah, at, audiences=["responders", "executives", "clients", "public"],
       **dict.fromkeys(("impact", "known", "shareable", "doing", "business", "decisions", "eta"), PLANTED))  # fmt: skip
    return made


def addresses(incident: Incident | None) -> Iterator[str]:
    """Every address that a browser may ask for, the API's operations aside."""
    key = incident.key if incident else "INC-2026-9999"
    fill = {"key": key, "noun": "entries", "slug": "planted", "token": "nothing"}
    for route, _ in access.views(get_resolver()):
        if not route.startswith("api/v1"):
            yield "/" + re.sub(r"<\w+:(\w+)>", lambda found: fill[found[1]], route)


def walk(browser: Client, incident: Incident | None) -> dict[str, Any]:
    """The answer of every address, HTML or not."""
    return {address: browser.get(address) for address in addresses(incident)}


def person(role: str) -> User:
    return make_user(role.capitalize(), roles=(role,))


def everybody(roles: Iterable[str] = ROLES) -> dict[str, Client]:
    """A browser for each role, and a stranger's."""
    return {role: signed_in(person(role)) for role in roles} | {"stranger": Client()}


def pages(incident: Incident, roles: Iterable[str] = ROLES) -> Iterator[tuple[str, str, Any]]:
    """Every HTML page that anybody gets: role, address and answer."""
    for role, browser in everybody(roles).items():
        for address, answer in walk(browser, incident).items():
            if answer.headers.get("Content-Type", "").startswith("text/html"):
                yield role, address, answer


def test_every_page_carries_the_policy_is_stored_nowhere_and_varies_by_who_asks(incident: Incident) -> None:
    """S28, S29, S30."""
    seen = 0
    for role, address, answer in pages(incident):
        where = (role, address)
        policy = answer.headers["Content-Security-Policy"]
        seen += 1
        assert answer.status_code < 500, where
        assert "default-src 'none'" in policy and "unsafe" not in policy, where
        assert answer.headers["X-Content-Type-Options"] == "nosniff", where
        assert answer.headers["X-Frame-Options"] == "DENY", where
        assert answer.headers["Referrer-Policy"] in ("same-origin", "no-referrer"), where
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin", where
        assert {"private", "no-store"} <= set(re.split(r"[, ]+", answer.headers["Cache-Control"])), where
        # A poll is asked for by the page's script alone.
        if role != "stranger" and answer.status_code == 200 and not address.endswith("/live/"):
            varies = set(re.split(r"[, ]+", answer.headers.get("Vary", "")))
            assert {"HX-Request", "HX-History-Restore-Request", "Cookie"} <= varies, where
    assert seen > 80


class Page(HTMLParser):
    """The elements of a page: what it would load, run and ask for."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))


def test_what_was_typed_is_text_on_every_page_and_nothing_comes_from_elsewhere(incident: Incident) -> None:
    """F29, S27, S28, S29: all mark-up of a page is the desk's own."""
    shown = set()
    for role, address, answer in pages(incident, ("ic", "executive", "customer_support")):
        html = answer.content.decode()
        nonce = re.search(r"nonce-([\w-]+)", answer.headers["Content-Security-Policy"])
        if "planted()" in html:
            shown.add(role)
        assert "\u202e" not in html, address
        for tag, attributes in Page(html).elements:
            wrong = [
                f"{tag} {name}={value[:60]}"
                for name, value in attributes.items()
                if not ours(tag, name, value)
            ]
            assert wrong == [], (role, address)
            assert tag not in ("style", "base", "iframe", "object", "embed"), (role, address)
            assert tag != "script" or (nonce and attributes["nonce"] == nonce[1]), (role, address)
    assert shown == {"ic", "executive", "customer_support"}


def ours(tag: str, name: str, value: str) -> bool:
    """Whether an attribute may stand on a page: no handler, no style, nothing loaded or asked for elsewhere."""
    if name.startswith(("on", "hx-on", "data-hx-")) or name == "style":
        return False
    if name in ("src", "srcset", "action", "formaction", "hx-get", "hx-post") or (
        name == "href" and tag in ("link", "use")
    ):
        return bool(re.match(r"(/(?!/)|#|\?|data:image/|$)", value)) and "planted" not in value.removeprefix(
            "/runbooks/planted/"
        )
    return name != "href" or urlsplit(value).scheme in ("", "http", "https", "mailto", "tel")


def test_no_static_file_of_ours_names_another_host() -> None:
    """S29: the desk must load when the internet is half dead."""
    own = re.compile(rb"(?:https?:)?//[a-z0-9-]+(?:\.[a-z0-9-]+)+[^\s\"')]*", re.IGNORECASE)
    for root in settings.STATICFILES_DIRS:
        for path in sorted(Path(root).rglob("*")):
            if path.suffix not in (".css", ".js", ".svg", ".html") or not path.is_file():
                continue
            for found in own.findall(re.sub(rb"/\*.*?\*/", b"", path.read_bytes(), flags=re.DOTALL)):
                assert b"www.w3.org/" in found or b"htmx.org" in found, (path, found)


def test_no_get_changes_anything(incident: Incident) -> None:
    """S14: mail scanners and prefetching browsers open every link they find."""
    browsers = everybody()
    before = contents()

    for browser in browsers.values():
        walk(browser, incident)

    assert contents() == before


def contents() -> dict[str, str]:
    """A digest of every table, but for what any request may touch."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        names = [name for (name,) in cursor.fetchall() if name not in NOT_TOLD]
        found = {}
        for name in names:
            cursor.execute(
                f"SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM \"{name}\" t"
            )
            found[name] = cursor.fetchone()[0]
    return found


def test_no_act_is_done_by_a_get(incident: Incident) -> None:
    browser = signed_in(User.objects.get(name="Sarah"))
    asked = {"request_id": new_id(), "kind": "note", "text": "x"}

    answers = {noun: browser.get(f"/incidents/{incident.key}/{noun}/", asked) for noun in ACTS}

    assert {answer.status_code for answer in answers.values()} == {405}


@pytest.mark.parametrize("role", OUTSIDE)
def test_what_somebody_may_not_see_is_missing_byte_for_byte(incident: Incident, role: str) -> None:
    """S2, S3: on every page below an incident; a redirect tells the key that was asked for and nothing else."""
    browser = signed_in(person(role))
    there, nowhere = list(addresses(incident)), list(addresses(None))
    hidden = 0

    for address, missing in zip(there, nowhere, strict=True):
        found, gone = browser.get(address), browser.get(missing)
        if address == missing or found.status_code in (200, 204, 405):
            continue
        hidden += 1
        assert found.status_code == gone.status_code, address
        assert found.content == gone.content, address
        assert found.headers.get("Location", "").replace(incident.key, "") == gone.headers.get(
            "Location", ""
        ).replace("INC-2026-9999", "")
    assert hidden >= 4


def test_what_is_public_of_a_thing_is_a_random_uuid(incident: Incident) -> None:
    """S4: no read of the API names the number of a row of people, services, clients or incidents."""
    sarah = User.objects.get(name="Sarah")
    text = token(sarah)
    numbered = re.compile(r'"(?:id|pk|user_id|incident_id|service_id|client_id|team_id)":')

    answers = [
        asks(text, path)
        for path in (
            "/incidents", f"/incidents/{incident.uid}", f"/incidents/{incident.uid}/timeline",
            f"/incidents/{incident.uid}/alerts", "/people", "/services", "/clients",
        )
    ]  # fmt: skip

    assert all(answer.status_code == 200 for answer in answers)
    assert [found for answer in answers for found in numbered.findall(answer.content.decode())] == []
    assert {made.uid.version for made in (incident, sarah)} == {4}


def test_a_room_that_is_open_when_its_person_is_removed_closes_with_the_next_poll(incident: Incident) -> None:
    """S8: also where the poll would have had nothing new to say."""
    omar = User.objects.get(name="Omar")
    browser = door.signed_in(omar)
    incident.refresh_from_db()
    poll = f"/incidents/{incident.key}/live/?after={incident.rev}"
    board = browser.get("/live/")
    assert browser.get(poll).status_code == 204

    User.objects.filter(pk=omar.pk).update(roles=["spectator"])
    assert browser.get(poll).status_code == 404
    assert browser.get("/live/", {"after": board.headers["Desk-Rev"]}).status_code == 404

    User.objects.filter(pk=omar.pk).update(roles=["engineer"], is_active=False)
    for address in (poll, f"/live/?after={board.headers['Desk-Rev']}"):
        answer = browser.get(address)
        assert (answer.status_code, answer.content) == (401, b"")
        assert answer.headers["HX-Redirect"].startswith("/sign-in/")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8000", "a b"])
def test_a_forged_host_is_refused_and_named_in_no_answer(host: str) -> None:
    """S24: links are made from BASE_URL, never from what a request calls itself."""
    browser = Client(raise_request_exception=False)
    for address in ("/", "/sign-in/", "/ack/nothing/", "/api/v1/incidents"):
        answer = browser.get(address, headers={"Host": host})

        assert answer.status_code == 400, address
        assert b"evil" not in answer.content


def test_hostile_words_go_through_every_door_without_breaking_one(incident: Incident) -> None:
    """F29: what the API tells is JSON, and the same words come back but for what spoofs."""
    sarah = User.objects.get(name="Sarah")
    for noun, flow in ACTS.items():
        form = dict.fromkeys(flow.form.model_fields, PLANTED)
        try:
            flow.form.model_validate(form)
        except (DeskError, ValueError):
            continue
        assert PROGRAM.post(
            f"/api/v1/incidents/{incident.uid}/{noun}", form, content_type="application/json",
            headers={"Authorization": f"Bearer {token(sarah)}", "Idempotency-Key": new_id()},
        ).status_code < 500  # fmt: skip

    told = asks(token(sarah), f"/incidents/{incident.uid}/timeline", limit=200)

    notes = [entry for entry in told.json()["entries"] if entry["kind"] == "note"]  # type: ignore[attr-defined]
    assert told["Content-Type"].startswith("application/json")
    assert notes[0]["texts"]["text"] == PLANTED.replace("\u202e", "")

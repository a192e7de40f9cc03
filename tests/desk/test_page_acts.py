"""The page side of the acts: what a form gets back, with and without its script, and when the database is away."""

import re
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from django.db import InternalError, OperationalError, connections
from django.http import HttpResponse
from django.test import Client

from desk import answers, page_acts
from incidentdesk.kernel import clock
from incidents.models import Incident, TimelineEntry
from people.models import User
from tests.desk.bodies import CHANGE
from tests.desk.doors import sends, signed_in, token
from tests.factories import commander, do, make_incident, make_service, minutes, new_id
from tests.people.factories import make_user

HTMX = {"HX-Request": "true"}


@pytest.fixture
def room(db: None) -> tuple[Incident, User, Client]:
    """A led incident, its IC, and the IC's browser."""
    ic = make_user("Sarah", roles=["ic", "engineer"], zone="America/New_York")
    incident = make_incident(by=ic, declared_at=clock.now() - minutes(5))
    do(incident, "seats", ic, clock.now(), role="ic")
    return incident, ic, signed_in(ic, raise_request_exception=False)


@pytest.fixture
def rendered() -> Generator[dict[str, Any], None, None]:
    """What the pages behind a refusal were given, in place of the pages themselves."""
    seen: dict[str, Any] = {}

    def page(module: str, request: Any, told: answers.Told, *place: Incident, **context: Any) -> HttpResponse:
        seen.update(module=module, place=place, **context)
        return HttpResponse("the whole page")

    with patch.object(page_acts, "_page", page):
        yield seen


def post(browser: Client, incident: Incident, noun: str, *, script: bool = False, **fields: Any) -> Any:
    posted = {"request_id": new_id(), **fields}
    return browser.post(f"/incidents/{incident.key}/{noun}/", posted, headers=HTMX if script else {})


# ---- done


def test_without_a_script_the_way_leads_to_the_new_line_of_the_room(room: Any) -> None:
    incident, _, browser = room

    response = post(browser, incident, "entries", kind="note", text="hello")

    incident.refresh_from_db()
    assert response.status_code == 303
    assert response["Location"] == f"/incidents/{incident.key}/#e-{incident.seq}"


def test_with_a_script_the_answer_goes_into_the_form_and_the_poller_is_rung(room: Any) -> None:
    incident, _, browser = room

    response = post(browser, incident, "objectives", script=True, text="Writes work again")

    incident.refresh_from_db()
    assert response.status_code == 200
    assert response["HX-Trigger"] == "incident-changed"
    assert 'data-answer="done"' in response.content.decode()
    assert f'data-version="{incident.seq}"' in response.content.decode()
    assert response["Cache-Control"] == "private, no-store"


def test_a_sent_update_leads_back_to_the_room(room: Any) -> None:
    incident, _, browser = room
    fields = {"kind": "full", "audiences": ["executives"], "impact": "Writes fail"}

    with_script = post(browser, incident, "updates", script=True, **fields)
    without = post(browser, incident, "updates", **fields)

    incident.refresh_from_db()
    assert with_script["HX-Redirect"].startswith(f"/incidents/{incident.key}/?done=")
    assert (without.status_code, without["Location"]) == (
        303,
        f"/incidents/{incident.key}/?done={incident.seq}",
    )


def test_the_room_says_what_was_done_to_whoever_did_it_and_to_nobody_else(room: Any) -> None:
    incident, _, browser = room
    sent = post(browser, incident, "updates", kind="full", audiences=["executives"], impact="Writes fail")
    said = re.compile(r'data-answer="done".*?<b data-headline>[^<]* sent update 1 to executives', re.DOTALL)

    mine = browser.get(sent["Location"]).content.decode()
    another = signed_in(commander("Another")).get(sent["Location"]).content.decode()

    assert said.search(mine)
    assert not said.search(another)
    assert not said.search(browser.get(f"/incidents/{incident.key}/?done=999999").content.decode())


def test_declaring_leads_to_the_new_room_and_twice_to_the_same(room: Any) -> None:
    _, _, browser = room
    service = make_service("Checkout")
    fields = {"request_id": "one", "severity": "1", "symptom": "down", "services": [service.slug]}

    with_script, without = (browser.post("/incidents/", fields, headers=headers) for headers in (HTMX, {}))

    made = Incident.objects.latest("pk")
    assert with_script["HX-Redirect"] == without["Location"]
    declared = made.entries.get(kind="declared").seq
    assert without["Location"] == f"/incidents/{made.key}/?done={declared}"
    assert Incident.objects.count() == 2


def test_a_refused_declaration_is_its_page_with_what_was_typed(room: Any, rendered: dict[str, Any]) -> None:
    _, _, browser = room

    response = browser.post(
        "/incidents/", {"request_id": "one", "severity": "7", "symptom": "the disk is full"}
    )

    assert response.status_code == 422
    assert rendered["module"] == "desk.declaring"
    assert rendered["form"].values["symptom"] == "the disk is full"
    assert rendered["form"].errors.keys() == {"severity"}


def test_a_time_of_the_form_means_the_viewer_s_zone(room: Any) -> None:
    incident, ic, browser = room
    here = clock.now() - minutes(2)

    post(
        browser,
        incident,
        "entries",
        kind="note",
        text="before",
        happened_at=f"{here.astimezone(ic.tz):%Y-%m-%dT%H:%M:%S}",
    )

    entry = TimelineEntry.objects.get(incident=incident, kind="note")
    assert entry.happened_at == here.replace(microsecond=0)


def test_the_same_form_sent_twice_is_one_line(room: Any) -> None:
    incident, _, browser = room

    first, second = (
        post(browser, incident, "entries", request_id="once", kind="note", text="hello") for _ in range(2)
    )

    assert first["Location"] == second["Location"]
    assert TimelineEntry.objects.filter(incident=incident, kind="note").count() == 1


# ---- refused


def test_without_a_script_a_refusal_is_the_whole_room_with_what_was_typed(
    room: Any, rendered: dict[str, Any]
) -> None:
    incident, _, browser = room

    response = post(browser, incident, "severity", severity="9", reason="", seen_version="0")

    assert response.status_code == 422
    assert (rendered["module"], rendered["place"]) == ("desk.room_page", (incident,))
    state = rendered["forms"]["severity"]
    assert state.values == {"severity": "9", "reason": "", "seen_version": "0"}
    assert state.errors.keys() == {"severity", "reason"}
    assert rendered["answer"].kind == "invalid"


def test_a_refused_noun_of_two_words_and_several_values_keeps_them_all(
    room: Any, rendered: dict[str, Any]
) -> None:
    incident, _, browser = room

    post(browser, incident, "blast-radius", text="", services=["ledger", "checkout"])

    assert rendered["forms"]["blast_radius"].values == {"text": "", "services": ("ledger", "checkout")}


@pytest.mark.parametrize(
    ("noun", "fields", "status", "kind"),
    [
        ("resolutions", {}, 422, "refused"),
        ("severity", {"severity": "x", "reason": ""}, 422, "invalid"),
        ("starts", {"number": "1"}, 403, "denied"),
        ("objectives", {"text": "x", "request_id": ""}, 422, "invalid"),
        ("moves", {"to": "monitoring", "seen_version": "999"}, 409, "stale"),
    ],
)
def test_with_a_script_a_refusal_is_a_sentence_under_its_status(
    room: Any, noun: str, fields: dict[str, str], status: int, kind: str
) -> None:
    incident, _, browser = room

    response = post(browser, incident, noun, script=True, **fields)

    page = response.content.decode()
    assert response.status_code == status, page
    assert f'data-answer="{kind}"' in page
    assert "<html" not in page
    assert "HX-Trigger" not in response


def test_after_somebody_was_faster_the_fresh_version_comes_with_the_sentence(room: Any) -> None:
    incident, ic, browser = room
    seen = incident.state["severity_seq"]
    do(incident, "severity", ic, clock.now(), severity=2, reason="fewer", seen_version=seen)

    response = post(
        browser, incident, "severity", script=True, severity="3", reason="gone", seen_version=str(seen)
    )

    assert response.status_code == 409
    assert ic.name in response.content.decode()
    assert f'data-version="{incident.state["severity_seq"]}"' in response.content.decode()


@pytest.mark.ledger("ROLE-04")
def test_where_nobody_is_ic_the_refusal_offers_the_seat(db: None) -> None:
    ic, other = commander(), commander("Omar")
    incident = make_incident(by=ic, declared_at=clock.now())
    do(incident, "changes", other, clock.now(), **CHANGE, risk="30 s")

    response = post(signed_in(ic), incident, "approvals", script=True, number="1")

    assert response.status_code in (403, 422)
    assert 'href="#f-seats"' in response.content.decode()


def test_outside_the_room_a_severity_is_proposed_and_a_refusal_shows_no_room(room: Any) -> None:
    incident, _, _ = room
    support = signed_in(make_user("Cora", roles=["customer_support"]), raise_request_exception=False)

    done = post(support, incident, "severity-proposals", severity="2", reason="calls come in")
    refused = post(support, incident, "severity-proposals", severity="2", reason="")

    assert (done.status_code, refused.status_code) == (303, 422)
    assert "Write something here." in refused.content.decode()
    assert incident.title not in refused.content.decode()


def test_nothing_is_there_for_who_may_not_enter_and_for_words_that_mean_nothing(room: Any) -> None:
    incident, _, browser = room
    outside = signed_in(make_user("Ed", roles=["executive"]), raise_request_exception=False)

    hidden = post(outside, incident, "entries", kind="note", text="x")
    missing = outside.post("/incidents/INC-2026-9999/entries/", {"kind": "note", "text": "x"})

    assert hidden.status_code == missing.status_code == 404
    assert hidden.content == missing.content
    for address in (
        f"/incidents/{incident.key}/nonsense/",
        "/incidents/%00/entries/",
        "/incidents/INC-2026-0001%00/entries/",
    ):
        assert browser.post(address, {}).status_code == 404
    assert browser.get(f"/incidents/{incident.key}/entries/").status_code == 405


def test_signed_out_nothing_is_done_and_the_script_is_told(room: Any) -> None:
    incident, _, _ = room
    seq = incident.seq

    with_script = post(Client(), incident, "entries", script=True, kind="note", text="x")
    without = post(Client(), incident, "entries", kind="note", text="x")

    incident.refresh_from_db()
    assert (with_script.status_code, without.status_code) == (401, 302)
    assert incident.seq == seq


def test_a_form_without_the_site_s_token_does_nothing(room: Any) -> None:
    incident, ic, _ = room
    browser = signed_in(ic, enforce_csrf_checks=True)

    assert post(browser, incident, "entries", kind="note", text="x").status_code == 403
    assert not TimelineEntry.objects.filter(incident=incident, kind="note").exists()


@pytest.mark.parametrize(
    "value", ["\0", "9" * 30, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "x" * 30_000]
)
def test_no_form_breaks_an_act(room: Any, value: str) -> None:
    from desk.registry import every_act

    incident, _, browser = room
    for noun, flow in every_act().items():
        fields = dict.fromkeys(flow.form.model_fields, value) | {f"items.{value[:70]}": "ticked"}
        response = post(browser, incident, noun, script=True, **fields)
        assert response.status_code < 500, (noun, response.content)


# ---- the database is away


def cut(state: str = "08006") -> OperationalError:
    """The error of a connection that was lost."""
    error = OperationalError("server closed the connection unexpectedly")
    error.__cause__ = type("Lost", (psycopg.OperationalError,), {"sqlstate": state})()
    return error


def test_what_was_typed_stays_on_the_page_and_can_be_sent_again(room: Any) -> None:
    incident, _, browser = room
    text = "The disk of the ledger is full.\nWe move the archive away."

    with patch("desk.page_acts.perform", side_effect=cut()):
        response = post(
            browser, incident, "entries", request_id="same", kind="finding", text=text, password="hidden"
        )

    page = response.content.decode()
    assert response.status_code == 503
    assert response["Retry-After"]
    assert f'<textarea name="text" rows="6">{text}</textarea>' in page
    assert '<input type="hidden" name="request_id" value="same">' in page
    assert f'action="/incidents/{incident.key}/entries/"' in page
    assert "hidden</" not in page
    assert "server closed" not in page


def test_a_script_gets_a_sentence_for_its_form_which_keeps_its_text(room: Any) -> None:
    incident, _, browser = room

    with patch("desk.page_acts.perform", side_effect=cut()):
        response = post(browser, incident, "entries", script=True, kind="note", text="x")

    assert response.status_code == 503
    assert 'data-answer="unavailable"' in response.content.decode()


def test_a_primary_that_became_read_only_is_trouble_and_a_bug_is_not(room: Any) -> None:
    incident, _, browser = room
    read_only = InternalError("cannot execute INSERT in a read-only transaction")
    read_only.__cause__ = psycopg.errors.ReadOnlySqlTransaction()

    with patch("desk.page_acts.perform", side_effect=read_only):
        away = post(browser, incident, "entries", script=True, kind="note", text="x")
    with patch("desk.page_acts.perform", side_effect=InternalError("current transaction is aborted")):
        broken = post(browser, incident, "entries", kind="note", text="x")

    assert away.status_code == 503
    assert broken.status_code == 500
    assert "Reference" in broken.content.decode()
    assert "aborted" not in broken.content.decode()


def test_trouble_before_any_view_is_the_same_page(room: Any) -> None:
    _, _, browser = room

    with patch("people.sessions.SessionStore.load", side_effect=cut("57P01")):
        response = browser.get("/account/")

    assert response.status_code == 503
    assert "The desk is not ready" in response.content.decode()


# ---- the same at once


@pytest.mark.django_db(transaction=True)
def test_one_form_sent_twenty_times_at_once_is_one_line_and_one_answer() -> None:
    ic = commander()
    incident = make_incident(by=ic, declared_at=clock.now() - minutes(5))
    text, form = token(ic), {"request_id": "same", "kind": "note", "text": "once"}

    def by_page() -> tuple[int, str]:
        try:
            response = post(signed_in(ic), incident, "entries", **form)
            return response.status_code, response["Location"]
        finally:
            connections.close_all()

    def by_program() -> tuple[int, str]:
        try:
            response = sends(
                text, f"/incidents/{incident.uid}/entries", {"kind": "note", "text": "once"}, key="same"
            )
            return response.status_code, ""
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        came = [each.result() for each in [pool.submit(door) for door in (by_page, by_program) * 10]]

    note = TimelineEntry.objects.get(incident=incident, kind="note")
    assert set(came) == {(303, f"/incidents/{incident.key}/#e-{note.seq}"), (200, "")}

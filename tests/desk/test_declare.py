"""The declare page: prefilled, suggesting, warning; and what it leads to."""

import re
from typing import Any

import pytest
from django.test import Client

from comms.models import Message
from desk.declare_view import Typed, current, verdict
from incidentdesk.kernel import clock
from incidents import lifecycle
from incidents.models import Incident
from incidents.protocol import default_text
from people.models import User
from runbooks.models import Runbook
from tests.desk.doors import signed_in
from tests.factories import (
    commander,
    do,
    make_client,
    make_incident,
    make_paged,
    make_service,
    minutes,
    new_id,
)
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
YES = {"affected": "yes", "share": "over", "core": "yes", "worse": "yes"}


def page(user: User, path: str = "/declare/", **query: Any) -> str:
    response = signed_in(user).get(path, query)
    assert response.status_code == 200, response.content[:400]
    return str(response.content.decode())


def send(browser: Client, *, script: bool = False, path: str = "/incidents/", **fields: Any) -> Any:
    return browser.post(path, {"request_id": new_id(), **fields}, headers=HTMX if script else {})


def names(html: str) -> set[str]:
    """The fields of the form."""
    return set(re.findall(r'<(?:input|textarea|select|button)[^>]* name="([^"]+)"', html)) - {
        "theme",
        "shortcuts",
        "next",
    }


def answered(incident: Incident) -> int:
    """The entry that declared it."""
    return incident.entries.get(kind="declared").seq


def value(html: str, name: str) -> str:
    found = re.search(rf'<input[^>]* name="{name}"[^>]* value="([^"]*)"', html)
    assert found, name
    return found[1]


@pytest.mark.ledger("INC-01", "SEV-02")
@pytest.mark.parametrize("role", ["engineer", "support", "manager", "comms", "customer_support"])
def test_the_form_is_one_page_asks_no_cause_and_can_be_sent_before_anything_is_known(role: str) -> None:
    make_service()
    html = page(make_user("Ada", roles=[role]))

    assert names(html) == {
        "csrfmiddlewaretoken", "request_id", "picked", "affected", "share", "core", "worse", "data", "internal",
        "services", "symptom", "title", "alert_fired_at", "severity", "reason", "now",
    }  # fmt: skip
    assert "not working as it should" in value(html, "symptom")
    assert "impact, not by difficulty" in html

    answer = send(
        signed_in(make_user("Bo", roles=[role])), severity="2", symptom=value(html, "symptom"),
        alert_fired_at=value(html, "alert_fired_at"),
    )  # fmt: skip

    assert answer.status_code == 303
    assert Incident.objects.get().severity == 2


@pytest.mark.ledger("INC-02")
def test_places_to_look_are_shown_on_the_saved_incident_only() -> None:
    board = {"name": "Ledger traffic", "url": "https://dashboards.example/ledger"}
    service = make_service(dashboards=[board])
    runbook = Runbook.objects.create(title="Ledger is slow", slug="slow", body="look", updated_at=clock.now())
    runbook.services.add(service)
    sarah = commander()
    before = page(sarah, services=service.slug)

    room = send(signed_in(sarah), severity="1", symptom="writes fail", services=[service.slug])["Location"]

    after = page(sarah, room)
    incident = Incident.objects.get()
    assert (incident.key in room, incident.owner, incident.seq > 0) == (True, sarah, True)
    for place in (board["url"], "/runbooks/slow/"):
        assert place not in before
        assert place in after


@pytest.mark.ledger("INC-03")
def test_alert_fired_at_is_a_field_of_its_own_prefilled_from_the_alert() -> None:
    priya = make_user("Priya", roles=["engineer"], zone="Asia/Kolkata")
    fired = clock.now() - minutes(20)
    paged = make_paged(priya, at=fired)

    html = page(priya, incident=paged.key)
    by_hand = page(priya)

    local = fired.astimezone(priya.tz)
    assert value(html, "alert_fired_at") == f"{local:%Y-%m-%dT%H:%M:%S}"
    assert "UTC+5:30" in html
    assert value(by_hand, "alert_fired_at") > value(html, "alert_fired_at")


def test_a_record_of_an_alert_is_declared_with_what_the_alert_said() -> None:
    sarah = commander()
    paged = make_paged(sarah, at=clock.now())

    html = page(sarah, incident=paged.key)
    answer = send(
        signed_in(sarah), script=True, path=f"/incidents/{paged.key}/declarations/", severity="1", symptom="writes fail",
        seen_version=value(html, "seen_version"),
    )  # fmt: skip

    paged.refresh_from_db()
    assert f'action="/incidents/{paged.key}/declarations/"' in html
    assert re.search(r'value="service-\d+" checked|value="service \d+" checked', html)
    assert (answer.status_code, answer["HX-Redirect"]) == (
        200,
        f"/incidents/{paged.key}/?done={answered(paged)}",
    )
    assert (paged.severity, paged.declared_at is not None) == (1, True)
    again = signed_in(sarah).get("/declare/", {"incident": paged.key})
    assert again.headers["Location"] == f"/incidents/{paged.key}/"


@pytest.mark.ledger("TRI-02", "TRI-03", "TRI-04")
@pytest.mark.parametrize(
    ("answers", "level"),
    [
        ({"affected": "no"}, 3),
        ({"affected": "no", "internal": "on"}, 4),
        ({"affected": "yes", "share": "under"}, 3),
        ({"affected": "yes", "share": "middle"}, 2),
        ({"affected": "yes", "share": "over"}, 1),
        ({"affected": "yes", "share": "under", "core": "yes"}, 2),
    ],
)
def test_the_page_suggests_by_share_and_core_function(answers: dict[str, str], level: int) -> None:
    html = page(make_user("Ada", roles=["engineer"]), "/declare/verdict/", **answers)

    assert f'data-suggested="{level}"' in html
    assert f"SEV-{level}" in html


@pytest.mark.ledger("TRI-05", "TRI-07")
def test_getting_worse_raises_it_and_not_sure_counts_upward_and_says_so() -> None:
    ada = make_user("Ada", roles=["engineer"])

    worse = page(ada, "/declare/verdict/", affected="yes", share="under", worse="yes")
    unsure = page(ada, "/declare/verdict/", affected="unsure", share="unsure", core="unsure", worse="unsure")

    assert 'data-suggested="2"' in worse
    assert 'data-suggested="1"' in unsure
    assert "counted as yes" in unsure
    assert unsure.count("i-circle-help") == 4


@pytest.mark.ledger("TRI-06")
def test_triage_ends_with_the_declare_button_and_the_title_is_proposed() -> None:
    service = make_service("Checkout")
    sarah = commander()

    html = page(sarah, **YES, services=service.slug, symptom="payments fail")
    answer = send(signed_in(sarah), severity="1", symptom="payments fail", services=[service.slug], **YES)

    assert 'data-title="SEV-1 Checkout: payments fail"' in html
    assert re.search(r'name="severity" value="1" checked', html)
    assert html.count("data-declare-button") == 1
    assert answer.status_code == 303
    incident = Incident.objects.get()
    assert incident.title == "SEV-1 Checkout: payments fail"
    assert incident.entries.get(kind="declared").payload["answers"] == YES


@pytest.mark.ledger("TRI-08")
def test_one_tap_declares_sev_1_without_an_answer() -> None:
    make_service()
    sarah = commander()
    html = page(sarah)
    button = re.search(r'<button[^>]*name="now" value="1"[^>]*>', html)
    assert button and "formnovalidate" in button[0]

    answer = send(signed_in(sarah), severity="3", now="1", symptom=value(html, "symptom"))

    assert answer.status_code == 303
    assert Incident.objects.get().severity == 1


@pytest.mark.ledger("SEV-22")
def test_below_the_suggestion_warns_and_asks_why_and_above_it_is_silent() -> None:
    ada = make_user("Ada", roles=["engineer"])

    below = page(ada, "/declare/verdict/", **YES, severity="3", picked="1")
    taken_over = page(ada, "/declare/verdict/", **YES, severity="3", picked="")
    above = page(ada, "/declare/verdict/", affected="no", severity="1", picked="1")

    assert "say why" in below
    assert "say why" not in taken_over + above
    whole = page(ada, **YES, severity="3", picked="1")
    assert re.search(r"data-reason>", whole)
    assert re.search(r"data-reason hidden", page(ada, **YES))


@pytest.mark.ledger("SEV-01", "SEV-03", "SEV-07")
def test_levels_and_what_they_bring_about_are_printed_from_the_protocol_in_force() -> None:
    ada = make_user("Ada", roles=["engineer"])
    text = (
        default_text()
        .replace("a major outage", "a house on fire")
        .replace("round the clock", "day and night")
    )
    before = page(ada, **YES)
    lifecycle.store_protocol(text, now=clock.now())

    after = page(ada, **YES)

    for old, new in (("a major outage", "a house on fire"), ("round the clock", "day and night")):
        assert (old in before, new in before) == (True, False)
        assert (old in after, new in after) == (False, True)


@pytest.mark.ledger("SEV-04", "SEV-05", "SEV-06")
def test_each_level_explains_itself_beside_its_button() -> None:
    html = page(make_user("Ada", roles=["engineer"]))

    for level in (2, 3, 4):
        each = current().severities[level]
        assert re.search(rf'<label title="{re.escape(each.meaning)}[^"]*"><input[^>]*value="{level}"', html)


@pytest.mark.ledger("SEV-08", "SEV-09", "SEV-10")
def test_what_happens_then_is_the_response_row_of_the_suggested_level() -> None:
    ada = make_user("Ada", roles=["engineer"])
    answers = {
        2: {"affected": "yes", "share": "middle"},
        3: {"affected": "no"},
        4: {"affected": "no", "internal": "on"},
    }

    for level, said in answers.items():
        each, html = current().severities[level], page(ada, **said)
        polled = page(ada, "/declare/verdict/", **said)
        for text in (each.response, each.people, each.communication):
            assert f"SEV-{level}: {text}" in html
            assert f"SEV-{level}: {text}" in polled


def test_clients_are_proposed_from_the_services_and_open_incidents_on_them_are_named() -> None:
    kestrel, other = make_client("Kestrel Bank"), make_client("Heron Pay")
    service = make_service("Checkout")
    service.clients.add(kestrel)
    sarah = commander()
    incident = make_incident(by=sarah, service=service, declared_at=clock.now())

    html = page(sarah, services=service.slug)

    assert f'value="{kestrel.slug}" checked' in html
    assert f'value="{other.slug}" checked' not in html
    assert f'href="/incidents/{incident.key}/"' in html


def test_a_refused_form_comes_back_whole() -> None:
    make_service("Checkout")
    sarah = commander()

    answer = send(signed_in(sarah), severity="3", symptom="", services=["checkout"], title="My words", **YES)

    html = answer.content.decode()
    assert answer.status_code == 422
    assert value(html, "title") == "My words"
    assert 'value="checkout" checked' in html
    assert re.search(r'name="severity" value="3" checked', html)
    assert re.search(r'name="share" value="over" checked', html)
    assert "Write something here." in html


def test_somebody_without_a_war_room_may_declare_and_is_led_to_the_summary() -> None:
    lena = make_user("Lena", roles=["customer_support"])
    make_service()

    answer = send(signed_in(lena), severity="1", symptom="cards are declined")

    incident = Incident.objects.get()
    assert answer["Location"] == f"/incidents/{incident.key}/summary/"
    assert signed_in(lena).get("/declare/", {"incident": incident.key}).status_code == 404


def test_sending_the_form_twice_opens_one_incident() -> None:
    sarah = commander()
    make_service()
    fields = {"severity": "1", "symptom": "writes fail", "request_id": new_id()}
    browser = signed_in(sarah)

    first, second = browser.post("/incidents/", fields), browser.post("/incidents/", fields)

    assert first["Location"] == second["Location"]
    assert Incident.objects.count() == 1
    sent = Message.objects.count()
    browser.post("/incidents/", fields)
    assert Message.objects.count() == sent


def test_words_that_are_no_choice_count_as_no_answer() -> None:
    said = verdict(current(), Typed({"affected": "<b>", "share": "most", "severity": "9", "picked": "1"}), [])

    assert (said.severity.level, said.title, said.below) == (0, "", "")


def test_a_severity_changed_later_shows_on_the_board() -> None:
    sarah = commander()
    incident = make_incident(by=sarah, declared_at=clock.now())
    do(incident, "seats", sarah, clock.now(), role="ic")
    do(incident, "severity", sarah, clock.now(), severity=2, reason="fewer than thought")

    assert "SEV-2" in page(sarah, "/")


def test_a_severity_that_the_page_only_took_over_gives_way_to_the_answers() -> None:
    """The last answer may be faster than the page's suggestion: nobody declares SEV-2 by being quick."""
    service = make_service("Checkout")

    send(signed_in(commander()), severity="2", picked="", symptom="x", services=[service.slug], **YES)

    assert Incident.objects.get().severity == 1


def test_nothing_is_said_to_follow_before_there_is_a_severity() -> None:
    ada = make_user("Ada", roles=["engineer"])

    unrated, rated = page(ada), page(ada, affected="yes", share="over")
    asked, told = page(ada, "/declare/verdict/"), page(ada, "/declare/verdict/", severity="2", picked="1")

    for html in (unrated, asked):
        assert "It follows from the severity" in html
        assert not re.search(r"<span>SEV-\d: ", html)
    assert "<span>SEV-1: " in rated
    assert "<span>SEV-2: " in told

"""Whoever answers something says what they saw: every act that answers is refused where that has changed meanwhile.

A test walks the registry, so that a new act has to say which of the two it is.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest

from desk.forms.fields import Versioned
from desk.registry import every_act
from incidentdesk.kernel import clock
from incidents.models import Incident
from incidents.protocol import Draft
from people.models import User
from people.roles import Role
from tests.desk.bodies import CHANGE, body
from tests.desk.doors import by_api, by_flow, by_page, signed_in, token
from tests.desk.rooms import add, by_alert
from tests.factories import commander, do, make_client, make_incident, make_service, minutes
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db

# Each adds a fact of its own, or names what it answers by a number that never means anything else.
ADDS_A_FACT = {
    "acknowledgements": "a page is answered once, by its number",
    "blast-radius": "a report with its time",
    "bridge": "there is one",
    "bridge-joins": "somebody's own word",
    "changes": "a new request",
    "client-confirmations": "a client's word",
    "deliveries": "a message is given up once, by its number",
    "entries": "a new line",
    "escalations": "a new call",
    "impact": "figures with their time",
    "lead-notices": "a stamp",
    "pages": "a new page",
    "reasons": "a reason with its time",
    "samples": "a reading with its time",
    "severity-proposals": "a wish",
}

Scene = tuple[Incident, User, dict[str, Any], Callable[[], object]]


def test_every_act_says_whether_it_answers_something() -> None:
    answering = {noun for noun, flow in every_act().items() if flow.answers is not None}

    assert answering | set(ADDS_A_FACT) == set(every_act())
    assert answering & set(ADDS_A_FACT) == set()
    assert all(issubclass(every_act()[noun].form, Versioned) for noun in answering)


def scene(noun: str) -> Scene:
    """An incident in which the act could be done, who does it, its fields, and what somebody else does before."""
    now = clock.now()
    make_service(bridge="https://bridge.example/7")
    make_client()
    ic, ops, third = commander("Sarah"), commander("Omar"), commander("Tess")
    if noun in ("declarations", "alert-ends"):
        incident = by_alert(ops, now=now - minutes(30))
        act = Draft(
            "alert.fired", {"alert": 1, "critical": True, "again": True}, texts={"name": "WriteErrors"}
        )
        if noun == "declarations":
            act = Draft("status.moved", {"from": "open", "to": "investigating"})
        return incident, ops, body(noun, other=third), lambda: add(incident, act, now=now)
    incident = make_incident(by=ic, declared_at=now - minutes(30))
    at = now - minutes(20)
    do(incident, "seats", ic, at, role="ic")
    do(incident, "seats", ic, at, role="ops", person=ops.uid)
    fields = body(noun, other=third)

    def step(what: str, by: User, /, **more: Any) -> Callable[[], object]:
        return lambda: do(incident, what, by, clock.now(), **more)

    def changed(*before: tuple[str, User, dict[str, Any]]) -> None:
        do(incident, "changes", ops, at, **CHANGE, risk="30 s")
        for what, by, more in before:
            do(incident, what, by, at, number=1, **more)

    same = step(noun, ic, **fields)
    match noun:
        case "handover-answers":
            do(incident, "handovers", ic, at, seat="ic", person=third.uid, text="all is calm")
            again = step("handovers", ic, seat="ic", person=third.uid, text="it is on fire")
            return incident, third, {"seat": "ic", "answer": "accept"}, again
        case "ic-acknowledgements" | "absences":
            do(incident, "handovers", ic, at, seat="ic", person=third.uid, text="all is calm")
            return incident, ops, fields, step("handover-answers", third, seat="ic", answer="accept")
        case "seats" | "handovers" | "seat-ends":
            by_name = {"seats": {"role": "ops", "person": str(third.uid)}, "handovers": {**fields, "seat": "ops"},
                       "seat-ends": {"seat": "ops"}}  # fmt: skip
            return incident, ic, by_name[noun], step("seats", ic, role="ops", person=third.uid)
        case "seat-acknowledgements":
            do(incident, "seats", ic, at, role="scribe", person=third.uid)
            again = step("seats", ic, role="scribe", person=ops.uid)
            return (
                incident,
                third,
                {"seat": "scribe"},
                lambda: (again(), step("seats", ic, role="scribe", person=third.uid)()),
            )
        case "theories":
            do(incident, "entries", ops, at, kind="theory", text="the disk")
            told = {"seq": incident.seq, "state": "ruled_out"}
            return incident, ic, told, step(noun, ops, **told)
        case "corrections":
            do(incident, "entries", ops, at, kind="note", text="the disk")
            told = {"seq": incident.seq, "text": "rather this"}
            return incident, ic, told, step(noun, ops, **told)
        case "approvals" | "rejections" | "questions-on-changes":
            changed()
            return (
                incident,
                ic,
                fields,
                lambda: (
                    step("questions-on-changes", ic, number=1, text="?")(),
                    step("replies", ops, number=1, text="!")(),
                ),
            )
        case "withdrawals":
            changed()
            return incident, ops, fields, step("questions-on-changes", ic, number=1, text="?")
        case "replies":
            changed(("questions-on-changes", ic, {"text": "?"}))
            return (
                incident,
                ops,
                fields,
                lambda: (step(noun, ops, **fields)(), step("questions-on-changes", ic, number=1, text="?")()),
            )
        case "starts":
            changed(("approvals", ic, {}))
            return incident, ops, fields, step("starts", ops, number=1)
        case "finishes":
            changed(("approvals", ic, {}), ("starts", ops, {}))
            return incident, ops, fields, step("finishes", ops, number=1)
        case "confirmations":
            changed(("approvals", ic, {}), ("starts", ops, {}), ("finishes", ops, {}))
            return incident, ops, fields, step("confirmations", ops, number=1, seen="no")
        case "done-changes":
            changed()
            return incident, ops, {**fields, "number": 1}, step("approvals", ic, number=1)
        case "moves" | "resolutions" | "closures":
            return incident, ic, fields, step("moves", ic, to="mitigating", workaround="by hand")
        case "impact-ends" | "impact-starts":
            return incident, ic, fields, step("impact-ends", ops)
        case "severity":
            return incident, ic, fields, step("severity", ic, severity=3, reason="fewer")
        case "objectives" | "owners" | "scope" | "checklist":
            return incident, ic, fields, same
        case "alert-time":
            told = {"at": (now - minutes(40)).isoformat(), "reason": "late"}
            return incident, ops, told, step(noun, ic, **told)
        case "updates":
            told = {"audiences": ["responders"], "impact": "writes fail"}
            return incident, ic, told, step(noun, ic, **told)
    raise AssertionError(f"{noun} answers something and has no scene here.")


@pytest.mark.parametrize("noun", sorted(set(every_act()) - set(ADDS_A_FACT)))
def test_what_changed_meanwhile_is_not_answered_through_any_door(noun: str) -> None:
    incident, by, fields, meanwhile = scene(noun)
    incident.refresh_from_db()
    upto = incident.seq
    meanwhile()
    incident.refresh_from_db()
    seq = incident.seq

    came = {
        "flow": by_flow(incident, noun, {**fields, "seen_upto": upto}, by),
        "page": by_page(incident, noun, {**fields, "seen_upto": upto}, signed_in(by)),
        "api": by_api(incident, noun, {**fields, "seen_upto": upto}, token(by)),
        "version": by_flow(incident, noun, {**fields, "seen_version": upto + 9_000}, by),
    }

    incident.refresh_from_db()
    assert {door: each.status for door, each in came.items()} == dict.fromkeys(came, 409), came
    assert incident.seq == seq


@pytest.mark.ledger("ROLE-03")
def test_a_handover_is_accepted_only_with_the_brief_that_was_read() -> None:
    incident, by, fields, meanwhile = scene("handover-answers")
    seen = incident.state["offers"]["ic"]["seq"]
    meanwhile()

    old = by_flow(incident, "handover-answers", {**fields, "seen_version": seen}, by)
    incident.refresh_from_db()
    fresh = by_flow(
        incident, "handover-answers", {**fields, "seen_version": incident.state["offers"]["ic"]["seq"]}, by
    )

    assert (old.status, fresh.status) == (409, 200)
    assert "offered the seat" in old.sentence


def test_every_form_of_the_room_carries_what_its_page_showed() -> None:
    now = clock.now()
    make_service()
    ic, ops = commander("Sarah"), make_user("Omar", roles=[Role.ENGINEER])
    incident = make_incident(by=ic, declared_at=now - minutes(9))
    do(incident, "seats", ic, now - minutes(8), role="ic")
    do(incident, "changes", ops, now - minutes(7), **CHANGE, risk="30 s")
    answering = {noun for noun in every_act() if noun not in ADDS_A_FACT}

    page = signed_in(ic).get(f"/incidents/{incident.key}/").content.decode()
    poll = signed_in(ic).get(f"/incidents/{incident.key}/live/", {"after": 0}).content.decode()

    for text in (page, poll):
        forms = re.findall(r'<form[^>]*data-write="([a-z-]+)".*?</form>', text, re.DOTALL)
        found = re.findall(r'<form[^>]*data-write="(?:[a-z-]+)".*?</form>', text, re.DOTALL)
        bare = [noun for noun, form in zip(forms, found, strict=True)
                if noun in answering and f'name="seen_upto" value="{incident.seq}"' not in form]  # fmt: skip
        assert answering & set(forms)
        assert bare == []


def test_a_form_that_was_opened_again_is_the_same_request() -> None:
    incident, by, fields, _ = scene("objectives")
    flow = every_act()["objectives"]
    now = clock.now()

    first = flow(incident.pk, flow.form(**fields, seen_upto=incident.seq), by=by, request_id="same", now=now)
    again = flow(incident.pk, flow.form(**fields, seen_upto=first.seq), by=by, request_id="same", now=now)

    assert again == first

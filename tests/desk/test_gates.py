"""What the server refuses, gate by gate: through the flow, the page and the API alike, and the refusal is kept.

Each case is a scene, an act and the gate that must stand in its refusal; nothing but the record of the refusal changes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from desk.registry import every_act
from incidentdesk.kernel import clock
from incidents import record as records
from incidents.models import EntryText, Incident, TimelineEntry
from incidents.protocol import Draft
from people.models import User
from people.roles import Role
from tests.desk.bodies import CHANGE
from tests.desk.doors import asks, by_api, by_flow, by_page, signed_in, token
from tests.factories import commander, do, make_incident, minutes
from tests.people.factories import make_user

ITEMS = dict.fromkeys(("errors", "lag", "pool", "queue", "clients"), "ticked")
DOORS = ("flow", "page", "api")


@dataclass
class Scene:
    """A SEV-1 with its IC and Ops Lead, at a place of its path."""

    incident: Incident
    ic: User
    ops: User
    now: datetime

    def propose(self, by: User, **fields: Any) -> None:
        """A change waits for an answer."""
        do(self.incident, "changes", by, self.now - minutes(39), **{**CHANGE, "risk": "30 s", **fields})


def scene(*, severity: int = 1) -> Scene:
    """Investigating for 40 minutes."""
    now = clock.now()
    ic, ops = commander("Sarah"), commander("Omar")
    incident = make_incident(by=ic, severity=severity, declared_at=now - minutes(42))
    do(incident, "seats", ic, now - minutes(41), role="ic")
    do(incident, "seats", ic, now - minutes(40), role="ops", person=ops.uid)
    return Scene(incident, ic, ops, now)


def mitigating() -> Scene:
    """A workaround is under way."""
    at = scene()
    do(at.incident, "moves", at.ic, at.now - minutes(38), to="mitigating", workaround="traffic goes round")
    return at


def monitoring(*, minutes_ago: float) -> Scene:
    """The impact ended that long ago, and the window runs from there."""
    at = mitigating()
    do(at.incident, "impact-ends", at.ic, at.now - minutes(minutes_ago))
    return at


Case = Callable[[], tuple[Scene, str, dict[str, Any], User]]


def start_before_approval() -> tuple[Scene, str, dict[str, Any], User]:
    at = scene()
    at.propose(at.ops)
    return at, "starts", {"number": 1}, at.ops


def start_while_it_is_asked_about() -> tuple[Scene, str, dict[str, Any], User]:
    at = scene()
    at.propose(at.ops)
    do(at.incident, "questions-on-changes", at.ic, at.now - minutes(38), number=1, text="does it release?")
    return at, "starts", {"number": 1}, at.ops


def approve_as_deputy_while_the_ic_is_there() -> tuple[Scene, str, dict[str, Any], User]:
    at, deputy = scene(), commander("Dana")
    do(at.incident, "seats", at.ic, at.now - minutes(39), role="deputy", person=deputy.uid)
    at.propose(at.ic)
    at.propose(at.ops)
    do(at.incident, "seat-acknowledgements", deputy, at.now - minutes(38), seat="deputy")
    return at, "approvals", {"number": 2}, deputy


def approve_own_request() -> tuple[Scene, str, dict[str, Any], User]:
    at = scene()
    at.propose(at.ic)
    return at, "approvals", {"number": 1}, at.ic


def approve_without_being_ic() -> tuple[Scene, str, dict[str, Any], User]:
    at = scene()
    at.propose(at.ic)
    return at, "approvals", {"number": 1}, commander("Eve")


def approve_without_a_risk() -> tuple[Scene, str, dict[str, Any], User]:
    at = scene()
    at.propose(at.ops, risk="")
    return at, "approvals", {"number": 1}, at.ic


def change_severity_without_being_ic() -> tuple[Scene, str, dict[str, Any], User]:
    at = scene()
    return at, "severity", {"severity": 2, "reason": "fewer customers"}, at.ops


def resolve_without_being_ic() -> tuple[Scene, str, dict[str, Any], User]:
    at = monitoring(minutes_ago=35)
    fields = {"proof": "p99 is 120 ms", "review_at": (at.now + minutes(600)).isoformat(), "items": ITEMS}
    return at, "resolutions", fields, at.ops


def name_somebody_without_being_ic() -> tuple[Scene, str, dict[str, Any], User]:
    at = scene()
    return at, "seats", {"role": "scribe", "person": str(at.ic.uid)}, at.ops


def claim_a_seat_that_is_taken() -> tuple[Scene, str, dict[str, Any], User]:
    return (at := scene()), "seats", {"role": "ic"}, at.ops


def resolve_inside_the_window() -> tuple[Scene, str, dict[str, Any], User]:
    at = monitoring(minutes_ago=1)
    fields = {"proof": "p99 is 120 ms", "review_at": (at.now + minutes(600)).isoformat(), "items": ITEMS}
    return at, "resolutions", fields, at.ic


def resolve_while_an_alert_fires() -> tuple[Scene, str, dict[str, Any], User]:
    at = monitoring(minutes_ago=35)
    with transaction.atomic():
        record = records.load(at.incident.pk, now=at.now - minutes(34))
        record.add(Draft("alert.fired", {"alert": 1, "critical": True}))
        records.save([record], now=at.now - minutes(34))
    at.incident.refresh_from_db()
    fields = {"proof": "p99 is 120 ms", "review_at": (at.now + minutes(600)).isoformat(), "items": ITEMS}
    return at, "resolutions", fields, at.ic


def resolve_without_proof() -> tuple[Scene, str, dict[str, Any], User]:
    at = monitoring(minutes_ago=35)
    return at, "resolutions", {"review_at": (at.now + minutes(600)).isoformat(), "items": ITEMS}, at.ic


def resolve_without_a_review() -> tuple[Scene, str, dict[str, Any], User]:
    at = monitoring(minutes_ago=35)
    return at, "resolutions", {"proof": "p99 is 120 ms", "items": ITEMS}, at.ic


def resolve_from_mitigating() -> tuple[Scene, str, dict[str, Any], User]:
    at = mitigating()
    fields = {"proof": "p99 is 120 ms", "review_at": (at.now + minutes(600)).isoformat(), "items": ITEMS}
    return at, "resolutions", fields, at.ic


def step_outside_the_table() -> tuple[Scene, str, dict[str, Any], User]:
    at = mitigating()
    return at, "moves", {"to": "identified", "note": "back"}, at.ic


def step_into_the_same_status() -> tuple[Scene, str, dict[str, Any], User]:
    at = mitigating()
    return at, "moves", {"to": "mitigating", "workaround": "more"}, at.ic


def through(door: str, case: Case) -> tuple[int, tuple[str, ...], str]:
    """Status, gates and sentence of the case through a door; what the record must look like after it is checked here."""
    at, noun, fields, by = case()
    before = {**at.incident.state, "seq": 0}
    seq = at.incident.seq
    if door == "flow":
        came = by_flow(at.incident, noun, fields, by)
    elif door == "page":
        came = by_page(at.incident, noun, fields, signed_in(by))
    else:
        came = by_api(at.incident, noun, fields, token(by))
    at.incident.refresh_from_db()
    kept = TimelineEntry.objects.get(incident=at.incident, seq=seq + 1)
    assert (kept.kind, kept.author, kept.payload["act"]) == ("refused", by, noun)
    assert kept.payload["gates"] == list(came.gates)
    assert EntryText.objects.get(incident=at.incident, seq=kept.seq).body["sentence"] == came.sentence
    assert at.incident.seq == seq + 1
    assert {**at.incident.state, "seq": 0, "clocks": {}} == {**before, "clocks": {}}
    return came.status, came.gates, came.sentence


def check(door: str, gate: str, case: Case, *, says: str) -> None:
    status, gates, sentence = through(door, case)

    assert gate in gates, (gates, sentence)
    assert status in (403, 422)
    assert says in sentence


@pytest.mark.django_db
@pytest.mark.ledger("GATE-01", "GATE-02", "GATE-05")
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("gate", "case", "says"),
    [
        ("GATE-01", start_before_approval, "not approved"),
        ("GATE-01", start_while_it_is_asked_about, "not approved"),
        ("GATE-02", approve_as_deputy_while_the_ic_is_there, "Only the Incident Commander answers"),
        ("GATE-02", approve_own_request, "their own change"),
        ("GATE-02", approve_without_being_ic, "the Incident Commander"),
        ("GATE-02", approve_without_a_risk, "No risk is stated"),
        ("GATE-05", change_severity_without_being_ic, "the Incident Commander"),
        ("GATE-05", resolve_without_being_ic, "the Incident Commander"),
        ("GATE-05", name_somebody_without_being_ic, "the Incident Commander"),
    ],
)
def test_nobody_starts_approves_or_decides_what_is_not_theirs(
    door: str, gate: str, case: Case, says: str
) -> None:
    check(door, gate, case, says=says)


@pytest.mark.django_db
@pytest.mark.ledger("GATE-07", "GATE-08", "GATE-10")
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("gate", "case", "says"),
    [
        ("GATE-07", claim_a_seat_that_is_taken, "This seat is taken"),
        ("GATE-08", resolve_inside_the_window, "Resolve opens at"),
        ("GATE-08", resolve_while_an_alert_fires, "still firing"),
        ("GATE-08", resolve_without_proof, "one line of proof"),
        ("GATE-08", resolve_without_a_review, "date for the review"),
        ("GATE-10", resolve_from_mitigating, "cannot go straight to Resolved"),
    ],
)
def test_nothing_ends_early_and_nobody_commands_twice(door: str, gate: str, case: Case, says: str) -> None:
    check(door, gate, case, says=says)


@pytest.mark.django_db
@pytest.mark.ledger("GATE-25", "INC-10")
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("case", [step_outside_the_table, step_into_the_same_status])
def test_no_step_leads_outside_the_table(door: str, case: Case) -> None:
    check(door, "GATE-25", case, says="Mitigating cannot become")


@pytest.mark.django_db
@pytest.mark.ledger("GATE-18", "RBAC-13")
@pytest.mark.parametrize("role", [Role.ADMIN, Role.IC, Role.MANAGER])
def test_no_door_leads_to_changing_or_deleting_a_line(role: str) -> None:
    at = scene()
    person = make_user("Ada", roles=[role])
    text, browser = token(person), signed_in(person)
    before = list(TimelineEntry.objects.filter(incident=at.incident).order_by("seq").values())

    for method in ("put", "patch", "delete"):
        for place in ("", "/timeline", "/timeline/1", "/entries", "/entries/1"):
            headers = {"Authorization": f"Bearer {text}", "Idempotency-Key": "k"}
            answer = getattr(browser, method)(f"/api/v1/incidents/{at.incident.uid}{place}", headers=headers)
            assert answer.status_code in (404, 405), (method, place)
        for place in ("entries/", "entries/1/", "corrections/"):
            answer = getattr(browser, method)(f"/incidents/{at.incident.key}/{place}")
            assert answer.status_code in (404, 405), (method, place)
    assert not {"edits", "deletions", "redactions"} & set(every_act())
    for statement in (
        "UPDATE incidents_timelineentry SET payload = '{}'",
        "DELETE FROM incidents_timelineentry",
        "TRUNCATE incidents_timelineentry CASCADE",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

    assert list(TimelineEntry.objects.filter(incident=at.incident).order_by("seq").values()) == before


@pytest.mark.django_db
@pytest.mark.ledger("INC-13")
def test_resolved_is_the_ic_s_call_and_closed_needs_the_list() -> None:
    at = monitoring(minutes_ago=35)
    fields = {"proof": "p99 is 120 ms", "review_at": (at.now + minutes(600)).isoformat(), "items": ITEMS}
    closing = (
        "notice",
        "cover",
        "rotation",
        "suppressions",
        "workarounds",
        "followups",
        "confirmations",
        "timeline",
    )
    text = token(at.ic)

    resolved = by_api(at.incident, "resolutions", fields, text)
    too_soon = by_api(at.incident, "closures", {"note": "done"}, text)
    pending = by_api(at.incident, "closures", {"items": dict.fromkeys(closing, "pending")}, text)
    told = asks(text, f"/incidents/{at.incident.uid}").json()
    closed = by_api(at.incident, "closures", {"items": dict.fromkeys(closing, "ticked")}, text)

    at.incident.refresh_from_db()
    assert resolved.status == 200, resolved
    assert (too_soon.status, too_soon.gates) == (pending.status, pending.gates) == (422, ("GATE-09",))
    assert (told["status"], told["resolved_at"] is not None, told["closed_at"]) == ("resolved", True, None)
    assert closed.status == 200, closed
    assert at.incident.status == "closed"
    assert at.incident.closed_at is not None

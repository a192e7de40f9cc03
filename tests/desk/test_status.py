"""The status table, stabilisation, resolve and close."""

from datetime import timedelta

import pytest

from comms.models import Message
from incidentdesk.kernel.errors import DeskError, NotAllowed, Refused, Stale
from incidents.models import Incident
from incidents.protocol import read
from incidents.protocol.score import detection_delay, durations, impact_minutes
from incidents.record import protocol_of
from people.models import User
from tests.at_once import at_once
from tests.desk.nights import Night
from tests.factories import (
    T0,
    commander,
    do,
    make_client,
    make_incident,
    make_paged,
    make_service,
    make_user,
    minutes,
)
from tests.oncall.makers import alert

pytestmark = pytest.mark.django_db
ITEMS = dict.fromkeys(("errors", "lag", "pool", "queue", "clients"), "ticked")
CLOSING = dict.fromkeys(
    ("notice", "cover", "rotation", "suppressions", "workarounds", "followups", "confirmations", "timeline"),
    "ticked",
)
REVIEW = T0 + timedelta(hours=40)


def led(severity: int = 1, **fields: object) -> tuple[Incident, User]:
    """An incident with its IC, Investigating."""
    ic = commander("Sarah")
    incident = make_incident(by=ic, severity=severity, **fields)  # type: ignore[arg-type]  # passed on as they are
    do(incident, "seats", ic, T0, role="ic")
    return incident, ic


def monitoring(severity: int = 1, **fields: object) -> tuple[Incident, User]:
    """An incident whose impact ended at T0 + 10 min."""
    incident, ic = led(severity, **fields)
    do(incident, "impact-ends", ic, T0 + minutes(10))
    do(incident, "moves", ic, T0 + minutes(10), to="monitoring", note="it healed itself")
    return incident, ic


def resolve(incident: Incident, ic: User, after: float, **fields: object) -> None:
    """Resolve with everything that it needs."""
    do(
        incident,
        "resolutions",
        ic,
        T0 + minutes(after),
        **{"proof": "errors 0", "review_at": REVIEW, "items": ITEMS, **fields},
    )


def gates(incident: Incident, noun: str, by: User, after: float, **fields: object) -> list[str]:
    """The ids that refuse an act."""
    with pytest.raises((Refused, NotAllowed)) as error:
        do(incident, noun, by, T0 + minutes(after), **fields)
    return [block.id for block in error.value.blocks]


def last(incident: Incident, clock: str, after: float) -> str:
    """How the last occurrence of a clock reads."""
    readings = read(protocol_of(incident.protocol_id), incident.state, T0 + minutes(after))
    return next((r.word for r in reversed(readings) if r.clock == clock), "none")


@pytest.mark.ledger("INC-10")
def test_every_step_of_the_table_is_allowed_and_every_other_refused() -> None:
    statuses = ("open", "investigating", "identified", "mitigating", "monitoring", "resolved", "closed")
    incident, _ = led()
    moves = protocol_of(incident.protocol_id).moves

    assert {(a, b) for a in statuses for b in statuses if (a, b) in moves} == {
        ("open", "investigating"), ("open", "closed"), ("investigating", "identified"), ("investigating", "mitigating"),
        ("identified", "mitigating"), ("mitigating", "investigating"), ("investigating", "monitoring"),
        ("identified", "monitoring"), ("investigating", "closed"), ("mitigating", "monitoring"),
        ("monitoring", "mitigating"), ("monitoring", "investigating"), ("mitigating", "resolved"),
        ("monitoring", "resolved"), ("resolved", "investigating"), ("resolved", "closed"), ("closed", "investigating"),
    }  # fmt: skip


@pytest.mark.ledger("INC-10")
def test_a_step_outside_the_table_is_refused_and_each_step_keeps_actor_time_and_note() -> None:
    incident, ic = led()
    do(incident, "entries", ic, T0 + minutes(1), kind="finding", text="disk", source="grafana", value="100%")
    do(incident, "moves", ic, T0 + minutes(2), to="identified", note="controller")

    assert gates(incident, "moves", ic, 3, to="investigating") == ["GATE-25"]
    moved = incident.entries.filter(kind="status.moved").latest("seq")
    assert (moved.author, moved.happened_at, incident.texts.get(seq=moved.seq).body["note"]) == (
        ic,
        T0 + minutes(2),
        "controller",
    )


@pytest.mark.ledger("INC-11")
def test_mitigation_never_waits_for_a_cause() -> None:
    incident, ic = led()

    do(incident, "moves", ic, T0 + minutes(1), to="mitigating", workaround="traffic shifted")

    assert incident.status == "mitigating"
    assert "cause_found" not in incident.state["milestones"]


@pytest.mark.ledger("INC-12", "RES-01", "CLK-31")
def test_monitoring_cannot_be_skipped_and_resolve_opens_when_the_window_has_passed() -> None:
    incident, ic = led()
    do(incident, "moves", ic, T0 + minutes(1), to="mitigating", workaround="x")
    assert "GATE-10" in gates(incident, "resolutions", ic, 5, proof="p", review_at=REVIEW, items=ITEMS)
    do(incident, "impact-ends", ic, T0 + minutes(10))
    assert incident.status == "monitoring"

    with pytest.raises(Refused, match=r"opens at 07:12:00 UTC, in 0:01"):
        resolve(incident, ic, 25 - 1 / 60)
    resolve(incident, ic, 25)

    assert incident.status == "resolved"


@pytest.mark.ledger("RES-01", "CLK-39")
def test_a_resolve_happens_when_it_is_recorded_whatever_time_is_sent_with_it() -> None:
    incident, ic = monitoring()

    resolve(incident, ic, 50, happened_at=T0 + minutes(11))

    readings = read(protocol_of(incident.protocol_id), incident.state, T0 + minutes(50))
    missed = {reading.clock for reading in readings if reading.word == "missed"}
    assert incident.resolved_at == T0 + minutes(50)
    assert {"update.responders", "update.clients", "blast_radius"} <= missed


@pytest.mark.ledger("RES-02")
def test_a_bad_sample_starts_the_window_again_and_everybody_is_told() -> None:
    incident, ic = monitoring()
    eng = make_user("Eng", roles=("engineer",))

    do(incident, "samples", eng, T0 + minutes(20), note="errors 3%")

    assert gates(incident, "resolutions", ic, 25, proof="p", review_at=REVIEW, items=ITEMS) == ["GATE-08"]
    assert (
        Message.objects.filter(dest=ic.email, payload__subject__icontains="window starts again").count() == 1
    )
    resolve(incident, ic, 35)
    assert incident.status == "resolved"


def test_a_bad_sample_after_the_window_holds_up_a_resolve_as_long_as_nobody_resolved() -> None:
    incident, ic = monitoring()

    do(incident, "samples", ic, T0 + minutes(30), note="errors 3%")

    assert gates(incident, "resolutions", ic, 44, proof="p", review_at=REVIEW, items=ITEMS) == ["GATE-08"]
    resolve(incident, ic, 45)
    do(incident, "samples", ic, T0 + minutes(46), note="late reading")
    assert incident.status == "resolved"


@pytest.mark.ledger("RES-03", "RES-04", "RES-14")
def test_resolve_asks_checklist_proof_and_review_date_and_names_each_that_is_missing() -> None:
    incident, ic = monitoring()

    assert gates(incident, "resolutions", ic, 25) == ["GATE-08", "GATE-08", "RES-03"]
    assert gates(incident, "resolutions", ic, 25, review_at=REVIEW, items=ITEMS) == ["GATE-08"]
    assert gates(incident, "resolutions", ic, 25, proof="p", items=ITEMS) == ["GATE-08"]
    assert gates(
        incident, "resolutions", ic, 25, proof="p", review_at=REVIEW, items={"errors": "ticked"}
    ) == ["RES-03"]
    resolve(incident, ic, 25, items={**ITEMS, "clients": "pending"})

    assert incident.state["review"] is not None


def alarmed(night: Night) -> tuple[Incident, User]:
    """An incident that a critical alert opened, in Monitoring since T0 + 10 min; the alert still fires."""
    night.sends(alert(since=T0), at=T0)
    incident, ic = night.incident, night.anna
    night.acknowledge(ic, at=T0 + minutes(1))
    do(incident, "declarations", ic, T0 + minutes(2), severity=1, symptom="writes fail")
    do(incident, "seats", ic, T0 + minutes(2), role="ic")
    do(incident, "impact-ends", ic, T0 + minutes(10))
    do(incident, "moves", ic, T0 + minutes(10), to="monitoring", note="it healed itself")
    return incident, ic


@pytest.mark.ledger("GATE-08", "RES-01", "RES-02")
def test_no_incident_is_resolved_while_a_critical_alert_of_it_still_fires(night: Night) -> None:
    incident, ic = alarmed(night)
    night.sends(alert("Lag", since=T0 + minutes(12)), at=T0 + minutes(12))
    night.sends(alert("Disk", since=T0, severity="warning"), at=T0 + minutes(13))

    with pytest.raises(Refused, match=r"^2 critical alerts are still firing") as both:
        resolve(incident, ic, 40)
    night.sends(alert("Lag", since=T0 + minutes(12), until=T0 + minutes(41)), at=T0 + minutes(41))
    with pytest.raises(Refused, match=r"^1 critical alert is still firing"):
        resolve(incident, ic, 42)
    night.sends(alert(since=T0, until=T0 + minutes(43)), at=T0 + minutes(43))
    resolve(incident, ic, 44)

    assert [block.id for block in both.value.blocks] == ["GATE-08"]
    assert incident.resolved_at == T0 + minutes(44)


@pytest.mark.ledger("ALR-07", "GATE-08")
def test_an_alert_that_was_ended_by_hand_with_a_reason_holds_up_no_resolve(night: Night) -> None:
    incident, ic = alarmed(night)
    number = int(next(iter(incident.state["alerts"])))
    assert gates(incident, "resolutions", ic, 40, proof="p", review_at=REVIEW, items=ITEMS) == ["GATE-08"]

    do(incident, "alert-ends", ic, T0 + minutes(41), alert=number, reason="the sensor is broken")
    resolve(incident, ic, 42)

    assert incident.status == "resolved"


@pytest.mark.ledger("RES-07")
@pytest.mark.parametrize("roles", [("engineer",), ("manager",), ("executive",), ("admin",), ("comms",)])
def test_only_the_ic_resolves(roles: tuple[str, ...]) -> None:
    incident, _ = monitoring()

    assert (
        gates(
            incident, "resolutions", make_user("X", roles=roles), 30, proof="p", review_at=REVIEW, items=ITEMS
        )[0]
        == "GATE-05"
    )


@pytest.mark.ledger("INC-13", "RES-15")
def test_resolved_is_not_closed_and_closed_needs_its_list_and_the_clients() -> None:
    bank = make_client()
    incident, ic = monitoring(clients=[bank.slug])
    resolve(incident, ic, 25)

    assert set(gates(incident, "closures", ic, 30)) == {"GATE-09"}
    assert gates(incident, "closures", ic, 30, items=CLOSING) == ["GATE-09"]
    do(incident, "client-confirmations", ic, T0 + minutes(31), client=bank.slug)
    do(incident, "closures", ic, T0 + minutes(32), items=CLOSING)

    assert (incident.status, incident.closed_at) == ("closed", T0 + minutes(32))


def test_a_manager_closes_without_a_clients_answer_with_a_reason() -> None:
    bank = make_client()
    incident, ic = monitoring(clients=[bank.slug])
    resolve(incident, ic, 25)
    boss = make_user("Boss", roles=("manager",))

    do(incident, "closures", boss, T0 + minutes(60), items=CLOSING, reason="three reminders, no answer")

    assert incident.status == "closed"


@pytest.mark.ledger("RES-06", "GATE-09")
def test_a_note_of_the_ic_is_no_managers_reason_to_close_without_a_clients_answer() -> None:
    bank = make_client()
    incident, ic = monitoring(clients=[bank.slug])
    resolve(incident, ic, 25)
    boss = make_user("Boss", roles=("manager",))

    for words in ({"note": "they are fine"}, {"reason": "they are fine"}):
        assert gates(incident, "closures", ic, 30, items=CLOSING, **words) == ["GATE-09"]
    assert gates(incident, "closures", boss, 31, items=CLOSING) == ["GATE-09"]

    assert incident.status == "resolved"


@pytest.mark.ledger("INC-14", "INC-15")
def test_milestones_are_stamped_once_and_impact_ends_before_the_cause_is_known() -> None:
    incident, ic = led()
    do(incident, "impact-ends", ic, T0 + minutes(10))
    do(incident, "moves", ic, T0 + minutes(10), to="monitoring", note="healed")
    do(
        incident,
        "entries",
        ic,
        T0 + minutes(40),
        kind="finding",
        text="cause",
        source="log",
        value="x",
        cause=True,
    )
    do(
        incident,
        "entries",
        ic,
        T0 + minutes(50),
        kind="finding",
        text="again",
        source="log",
        value="x",
        cause=True,
    )

    stamps = durations(incident.state)

    assert (stamps["to impact end"], stamps["to cause"]) == (10, 40)
    assert impact_minutes(incident.state, T0 + minutes(60)) == (10, 10)


@pytest.mark.ledger("INC-16")
def test_impact_may_begin_before_it_is_detected_and_the_gap_is_shown() -> None:
    incident, ic = led()

    do(incident, "impact-starts", ic, T0 + minutes(5), happened_at=T0 - minutes(2))
    do(incident, "impact-ends", ic, T0 + minutes(10))

    assert detection_delay(incident.state) == 2
    assert impact_minutes(incident.state, T0 + minutes(20)) == (12, 12)


def test_several_impact_intervals_give_duration_and_sum() -> None:
    incident, ic = monitoring()

    do(incident, "impact-starts", ic, T0 + minutes(20), happened_at=T0 + minutes(18))
    do(incident, "impact-ends", ic, T0 + minutes(25))

    assert impact_minutes(incident.state, T0 + minutes(60)) == (25, 17)


def test_leaving_monitoring_backwards_withdraws_the_impact_end_and_voids_the_window() -> None:
    incident, ic = monitoring()

    do(incident, "moves", ic, T0 + minutes(12), to="investigating")

    assert incident.state["impact"][-1][1] is None
    assert last(incident, "stabilisation", 12) == "void"


def test_any_responder_may_stamp_the_end_of_impact_but_only_the_ics_moves_the_status() -> None:
    incident, ic = led()
    do(incident, "moves", ic, T0 + minutes(1), to="mitigating", workaround="x")

    do(incident, "impact-ends", make_user("Eng", roles=("engineer",)), T0 + minutes(5))

    assert incident.status == "mitigating"
    do(incident, "moves", ic, T0 + minutes(6), to="monitoring")
    assert last(incident, "stabilisation", 6) == "running"


def test_a_false_alarm_is_closed_with_a_reason_unless_customers_were_hit() -> None:
    ada = commander("Ada")
    quiet, hit = make_paged(ada), make_paged(ada)
    do(hit, "impact", ada, T0 + minutes(1), users=12)

    assert "INC-10" in gates(quiet, "closures", ada, 2)
    do(quiet, "closures", ada, T0 + minutes(2), note="the monitor was wrong")
    assert "INC-10" in gates(hit, "closures", ada, 2, note="x")

    assert quiet.status == "closed"


def test_reopened_the_cadences_start_again_and_first_notices_do_not() -> None:
    incident, ic = monitoring()
    resolve(incident, ic, 25)

    do(incident, "moves", ic, T0 + minutes(60), to="investigating", note="it came back")

    assert incident.status == "investigating"
    assert last(incident, "update.clients", 61) == "running"
    assert last(incident, "client_notice", 61) == "missed"


def test_on_sev_3_the_owner_resolves_from_mitigating_without_a_window() -> None:
    ada, eng = make_user("Ada", roles=("engineer",)), make_user("Eng", roles=("engineer",))
    incident = make_incident(by=ada, severity=3)
    do(incident, "moves", ada, T0 + minutes(1), to="mitigating", workaround="x")
    do(incident, "impact-ends", eng, T0 + minutes(5))
    assert incident.status == "mitigating"

    assert set(gates(incident, "resolutions", ada, 6)) == {"GATE-08", "RES-03"}
    do(incident, "resolutions", ada, T0 + minutes(6), proof="p99 is 120 ms", items=ITEMS)

    assert incident.status == "resolved"


@pytest.mark.ledger("SEV-18")
def test_only_the_ic_changes_severity_and_others_propose() -> None:
    incident, ic = led()
    eng = make_user("Eng", roles=("engineer",))

    assert gates(incident, "severity", eng, 1, severity=2, reason="r") == ["GATE-05"]
    do(incident, "severity-proposals", eng, T0 + minutes(1), severity=2, reason="smaller than thought")
    do(incident, "severity", ic, T0 + minutes(2), severity=2, reason="agreed")

    assert incident.severity == 2
    assert Message.objects.filter(dest=ic.email, payload__subject__icontains="SEV-2 proposed").count() == 1


@pytest.mark.ledger("SEV-19", "COM-06")
def test_a_severity_change_needs_a_reason_and_makes_its_announcement_due() -> None:
    incident, ic = led()
    jordan = make_user("Jordan", roles=("comms",))
    do(incident, "seats", ic, T0, role="comms", person=jordan.uid)

    with pytest.raises(ValueError, match="reason"):
        do(incident, "severity", ic, T0 + minutes(1), severity=2)
    do(incident, "severity", ic, T0 + minutes(1), severity=2, reason="workaround holds")

    entry = incident.entries.get(kind="severity.set")
    assert (entry.payload["from"], entry.payload["to"], entry.author) == (1, 2, ic)
    assert Message.objects.filter(dest=jordan.email, payload__subject__icontains="announce it").count() == 1
    assert last(incident, "announce", 2) == "running"
    do(incident, "updates", jordan, T0 + minutes(3), audiences=["responders"], impact="slow")
    assert last(incident, "announce", 3) == "met"


@pytest.mark.ledger("SEV-23")
def test_a_severity_change_moves_the_next_update_to_the_shorter_cadence_at_once() -> None:
    incident, ic = led(severity=2)
    assert incident.next_update_at == T0 + minutes(30)

    do(incident, "severity", ic, T0 + minutes(10), severity=1, reason="worse")

    assert incident.next_update_at == T0 + minutes(15)
    assert last(incident, "leadership", 10) == "running"


def test_a_rise_from_sev_3_does_what_declaring_sev_1_does() -> None:
    service = make_service(bridge="https://meet.example/1")
    ada = commander("Ada")
    incident = make_incident(by=ada, severity=3, service=service)

    do(incident, "severity", ada, T0 + minutes(5), severity=1, reason="all payments fail")

    assert incident.entries.filter(kind="bridge.opened").count() == 1
    assert incident.entries.filter(kind="lead.told").count() == 1


@pytest.mark.django_db(transaction=True)
def test_fifty_resolves_at_once_are_one_resolve_and_the_others_learn_who() -> None:
    """F20."""
    incident, ic = monitoring()
    seen = incident.state["status_seq"]
    done, stale = [], []

    def press() -> None:
        try:
            resolve(Incident.objects.get(pk=incident.pk), ic, 25, seen_version=seen)
            done.append(1)
        except Stale as error:
            stale.append(error.sentence)
        except DeskError as error:
            stale.append(f"other: {error.sentence}")

    at_once(*[press] * 50)

    assert len(done) == 1
    assert len(stale) == 49
    assert all(sentence.startswith("Sarah resolved it at 07:12:00 UTC") for sentence in stale)
    incident.refresh_from_db()
    assert incident.entries.filter(kind="status.moved", payload__to="resolved").count() == 1
    assert Message.objects.filter(dedupe_key__startswith="resolved:").count() == 1

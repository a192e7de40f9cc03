"""The log: typed lines, findings apart from theories, nothing rewritten."""

import pytest

from comms.models import Message
from desk import tick
from incidentdesk.kernel.errors import Invalid, NotAllowed
from incidents.models import Incident
from incidents.protocol import read
from incidents.record import protocol_of
from people.models import User
from tests.factories import T0, commander, do, make_incident, make_paged, make_user, minutes

pytestmark = pytest.mark.django_db


def room() -> tuple[Incident, User]:
    """An incident and an engineer who writes."""
    return make_incident(), make_user("Eng", roles=("engineer",))


def word(incident: Incident, clock: str, after: float) -> str:
    """How a clock reads."""
    found = read(protocol_of(incident.protocol_id), incident.state, T0 + minutes(after))
    return next(r.word for r in reversed(found) if r.clock == clock)


@pytest.mark.ledger("FIND-01")
@pytest.mark.parametrize("kind", ["theory", "question", "action", "nothing", "note"])
def test_every_line_has_a_type(kind: str) -> None:
    incident, eng = room()

    do(incident, "entries", eng, T0 + minutes(1), kind=kind, text="line")

    entry = incident.entries.latest("seq")
    assert (entry.kind, entry.author, entry.role) == (kind, eng, "engineer")
    with pytest.raises(ValueError, match="kind"):
        do(incident, "entries", eng, T0 + minutes(1), kind="chatter", text="line")


@pytest.mark.ledger("FIND-02")
def test_a_finding_needs_its_source_and_value_and_else_is_offered_as_a_theory() -> None:
    incident, eng = room()

    with pytest.raises(Invalid, match="log it as a theory"):
        do(incident, "entries", eng, T0 + minutes(1), kind="finding", text="disk is full")
    do(
        incident,
        "entries",
        eng,
        T0 + minutes(1),
        kind="finding",
        text="disk is full",
        source="Grafana",
        value="100%",
    )

    assert incident.texts.get(seq=incident.seq).body == {
        "text": "disk is full",
        "source": "Grafana",
        "value": "100%",
    }


@pytest.mark.ledger("FIND-03")
@pytest.mark.parametrize(
    ("text", "warned"),
    [("I think it is DNS", True), ("Probably the disk", True), ("The disk is full", False)],
)
def test_wording_that_guesses_warns_in_a_finding(text: str, warned: bool) -> None:
    incident, eng = room()

    answer = do(incident, "entries", eng, T0 + minutes(1), kind="finding", text=text, source="log", value="x")

    assert bool(answer.warnings) is warned


@pytest.mark.ledger("FIND-04")
def test_a_theory_is_confirmed_only_by_a_finding_and_may_be_ruled_out() -> None:
    incident, eng = room()
    do(incident, "entries", eng, T0 + minutes(1), kind="theory", text="the pool")
    theory = incident.seq

    with pytest.raises(Invalid, match="confirmed by a finding"):
        do(incident, "theories", eng, T0 + minutes(2), seq=theory, state="confirmed", evidence=theory)
    do(
        incident,
        "entries",
        eng,
        T0 + minutes(2),
        kind="finding",
        text="pool 100%",
        source="log",
        value="100%",
    )
    do(incident, "theories", eng, T0 + minutes(3), seq=theory, state="confirmed", evidence=incident.seq)

    assert incident.state["theories"] == {str(theory): "confirmed"}


@pytest.mark.ledger("FIND-05")
def test_a_theory_never_reaches_a_client_and_a_finding_only_when_shareable() -> None:
    from comms.models import Update

    incident, eng = room()
    do(incident, "entries", eng, T0 + minutes(1), kind="theory", text="THEORY-SECRET")
    do(
        incident,
        "entries",
        eng,
        T0 + minutes(1),
        kind="finding",
        text="FINDING-SECRET",
        source="log",
        value="x",
    )
    sarah = commander("Sarah")
    do(incident, "seats", sarah, T0 + minutes(1), role="ic")

    do(incident, "updates", sarah, T0 + minutes(2), audiences=["clients", "public"], impact="Payments fail")

    for text in Update.objects.get().texts.all():
        assert "SECRET" not in text.body
    assert incident.entries.get(kind="finding").payload["shareable"] is False


@pytest.mark.ledger("FIND-08")
def test_a_correction_is_a_new_line_that_points_at_the_old_one() -> None:
    incident, eng = room()
    do(incident, "entries", eng, T0 + minutes(1), kind="note", text="92%")
    old = incident.seq

    do(incident, "corrections", eng, T0 + minutes(2), seq=old, text="29%", reason="typo")

    assert incident.entries.get(kind="corrected").payload["of"] == old
    assert incident.texts.get(seq=old).body == {"text": "92%"}
    with pytest.raises(Invalid, match="what the desk recorded stands"):
        do(incident, "corrections", eng, T0 + minutes(2), seq=1, text="x")


@pytest.mark.ledger("FIND-09")
def test_both_stamps_are_kept_and_an_occurrence_is_never_in_the_future_or_before_the_alert() -> None:
    incident, eng = room()

    do(incident, "entries", eng, T0 + minutes(20), kind="note", text="x", happened_at=T0 + minutes(5))

    entry = incident.entries.latest("seq")
    assert (entry.happened_at, entry.recorded_at) == (T0 + minutes(5), T0 + minutes(20))
    for wrong in (T0 + minutes(31), T0 - minutes(1)):
        with pytest.raises(Invalid) as refused:
            do(incident, "entries", eng, T0 + minutes(30), kind="note", text="x", happened_at=wrong)
        assert "happened_at" in refused.value.fields


@pytest.mark.ledger("FIND-11")
def test_a_decision_needs_its_rationale() -> None:
    incident, eng = room()

    with pytest.raises(Invalid, match="reason"):
        do(incident, "entries", eng, T0 + minutes(1), kind="decision", text="fail over")
    do(
        incident,
        "entries",
        eng,
        T0 + minutes(1),
        kind="decision",
        text="fail over",
        why="30 s of writes are cheaper",
    )

    assert incident.texts.get(seq=incident.seq).body["why"] == "30 s of writes are cheaper"


@pytest.mark.ledger("FIND-13")
def test_alerts_pages_acknowledgements_seats_severity_and_clocks_enter_themselves() -> None:
    ada = commander("Ada")
    incident = make_paged(ada)
    do(incident, "acknowledgements", ada, T0 + minutes(1))
    do(incident, "declarations", ada, T0 + minutes(2), severity=2, symptom="x")
    do(incident, "seats", ada, T0 + minutes(3), role="ic")
    do(incident, "severity", ada, T0 + minutes(4), severity=1, reason="worse")
    do(incident, "updates", ada, T0 + minutes(4), audiences=["public"], impact="x")
    tick.sweep(now=T0 + minutes(40))

    kinds = set(incident.entries.values_list("kind", flat=True))

    assert kinds >= {
        "alert.fired", "page.sent", "page.acknowledged", "declared", "seat.claimed", "severity.set", "update.sent",
        "clock.step", "clock.rolled",
    }  # fmt: skip


@pytest.mark.ledger("FIND-14")
def test_a_question_to_somebody_reaches_them() -> None:
    incident, eng = room()
    dba = make_user("Priya", roles=("sme",))

    do(
        incident,
        "entries",
        eng,
        T0 + minutes(1),
        kind="question",
        text="does it release cleanly?",
        to=dba.uid,
    )

    assert Message.objects.filter(dest=dba.email, payload__body__icontains="release cleanly").count() == 1


@pytest.mark.ledger("CLK-17")
@pytest.mark.parametrize(
    ("noun", "fields"),
    [
        ("entries", {"kind": "theory", "text": "x"}),
        ("escalations", {"to": "l3", "text": "x"}),
        ("reasons", {"clock": "theory", "text": "vendor is on it"}),
    ],
)
def test_minute_30_takes_a_theory_an_escalation_or_a_reason_and_nothing_else(
    noun: str, fields: dict[str, str]
) -> None:
    incident, eng = room()
    do(incident, "entries", eng, T0 + minutes(1), kind="note", text="still looking")
    assert word(incident, "theory", 30) == "overdue"

    do(incident, noun, eng, T0 + minutes(29), **fields)

    assert word(incident, "theory", 30) == "met"


@pytest.mark.ledger("CLK-18")
def test_minute_30_without_mitigation_asks_for_leadership_on_sev_1_only() -> None:
    major, second = make_incident(), make_incident(severity=2)
    boss = make_user("Boss", roles=("manager",))

    assert word(major, "leadership", 30) == "overdue"
    assert not any(
        r.clock == "leadership" for r in read(protocol_of(second.protocol_id), second.state, T0 + minutes(31))
    )
    do(
        major,
        "escalations",
        make_user("Eng", roles=("engineer",)),
        T0 + minutes(31),
        to="leadership",
        text="stuck",
        person=boss.uid,
    )

    assert word(major, "leadership", 32) == "late"
    assert Message.objects.filter(dest=boss.email, payload__subject__icontains="escalated").count() == 1


@pytest.mark.ledger("CLK-05", "CLK-07", "CLK-12")
@pytest.mark.parametrize(
    ("clock", "noun", "fields", "limit"),
    [
        ("lead", "lead-notices", {}, 5),
        ("bridge", "bridge", {"link": "https://meet.example/1"}, 5),
        ("blast_radius", "blast-radius", {"text": "all writes"}, 10),
    ],
)
def test_lead_bridge_and_blast_radius_run_from_the_alert(
    clock: str, noun: str, fields: dict[str, str], limit: int
) -> None:
    ada = commander("Ada")
    incident = make_paged(ada)
    assert word(incident, clock, limit - 0.1) == "running"
    assert word(incident, clock, limit) == "overdue"

    do(incident, noun, ada, T0 + minutes(limit), **fields)

    assert word(incident, clock, limit + 1) == "met"


@pytest.mark.parametrize("role", ["executive", "spectator", "customer_support", "client_contact", "admin"])
def test_who_has_no_part_in_the_room_writes_nothing_and_the_attempt_is_on_the_record(role: str) -> None:
    incident, _ = room()
    outsider = make_user("Out", roles=(role,))

    with pytest.raises(NotAllowed):
        do(incident, "entries", outsider, T0 + minutes(1), kind="note", text="hello")

    assert incident.entries.filter(kind="note").count() == 0
    assert incident.entries.get(kind="refused").author == outsider

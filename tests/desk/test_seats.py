"""Who is in charge: one at a time, claimed or named, acknowledged, handed over."""

from datetime import timedelta
from functools import partial

import pytest

from comms.models import Message
from desk import tick
from incidentdesk.kernel.errors import DeskError, Invalid, NotAllowed, Refused, Stale
from incidentdesk.kernel.stamps import stamp
from incidents.models import Incident, Seat
from incidents.protocol import read
from incidents.protocol.state import holder
from incidents.record import protocol_of
from incidents.sentences import seat_label as label
from people import accounts
from people.models import User
from tests.at_once import at_once
from tests.factories import T0, commander, do, make_incident, make_service, make_user, minutes


def led(by: User | None = None) -> tuple[Incident, User]:
    """An incident whose declarer is IC."""
    ic = by or commander("Sarah")
    incident = make_incident(by=ic)
    do(incident, "seats", ic, T0, role="ic")
    return incident, ic


def word(incident: Incident, clock: str, subject: object = "", after: float = 0) -> str:
    """How a clock reads some minutes after T0."""
    readings = read(protocol_of(incident.protocol_id), incident.state, T0 + minutes(after))
    found = [
        reading.word for reading in readings if reading.clock == clock and reading.subject == str(subject)
    ]
    return found[-1] if found else "none"


@pytest.mark.django_db
@pytest.mark.ledger("ROLE-01")
def test_a_new_ic_ends_the_old_term_in_the_same_transaction_with_both_stamps() -> None:
    incident, sarah = led()
    dana = commander("Dana")
    do(incident, "seats", sarah, T0 + minutes(8), role="ic", person=dana.uid)
    assert incident.ic == sarah  # naming another IC is an offer

    do(incident, "handover-answers", dana, T0 + minutes(9), seat="ic", answer="accept")

    terms = list(
        Seat.objects.filter(incident=incident, role="ic")
        .order_by("started_at")
        .values_list("user", "started_at", "ended_at")
    )
    assert terms == [(sarah.pk, T0, T0 + minutes(9)), (dana.pk, T0 + minutes(9), None)]
    assert incident.ic == dana


@pytest.mark.django_db
@pytest.mark.ledger("ROLE-02")
def test_taking_command_is_self_service_for_the_qualified_tells_everybody_and_lists_who_acknowledged() -> (
    None
):
    incident, sarah = led()
    alex = make_user("Alex", roles=("engineer",))
    do(incident, "seats", sarah, T0 + minutes(1), role="ops", person=alex.uid)
    do(incident, "seat-ends", sarah, T0 + minutes(2), seat="ic")
    dana = commander("Dana")

    with pytest.raises(NotAllowed) as unfit:
        do(incident, "seats", alex, T0 + minutes(3), role="ic")
    do(incident, "seats", dana, T0 + minutes(3), role="ic")
    do(incident, "ic-acknowledgements", alex, T0 + minutes(4))

    assert unfit.value.blocks[0].id == "GATE-19"
    assert (
        Message.objects.filter(
            dest=alex.email, payload__subject__icontains="Dana is Incident Commander"
        ).count()
        == 1
    )
    assert incident.state["acks"] == [alex.pk]


@pytest.mark.django_db
@pytest.mark.ledger("ROLE-03")
def test_a_handover_takes_a_brief_and_leaves_the_old_ic_in_office_until_it_is_accepted() -> None:
    incident, sarah = led()
    dana = commander("Dana")

    do(
        incident,
        "handovers",
        sarah,
        T0 + minutes(5),
        seat="ic",
        person=dana.uid,
        text="Failover done, watch errors",
    )
    assert incident.ic == sarah
    with pytest.raises(Refused):
        do(incident, "handover-answers", commander("Other"), T0 + minutes(6), seat="ic", answer="accept")
    do(incident, "handover-answers", dana, T0 + minutes(6), seat="ic", answer="accept")

    assert incident.ic == dana
    brief = incident.entries.get(kind="seat.offered")
    assert incident.texts.get(seq=brief.seq).body == {"brief": "Failover done, watch errors"}


@pytest.mark.django_db
def test_a_declined_handover_changes_nothing() -> None:
    incident, sarah = led()
    dana = commander("Dana")
    do(incident, "handovers", sarah, T0 + minutes(5), seat="ic", person=dana.uid, text="brief")

    do(incident, "handover-answers", dana, T0 + minutes(6), seat="ic", answer="decline", note="on a plane")

    assert incident.ic == sarah
    assert incident.state["offers"] == {}


@pytest.mark.django_db
@pytest.mark.ledger("ROLE-03")
def test_an_offer_of_another_seat_leaves_the_handover_of_the_ic_open() -> None:
    incident, sarah = led()
    bea, cal, dee = commander("Bea"), commander("Cal"), commander("Dee")
    do(incident, "seats", cal, T0 + minutes(2), role="ops")
    do(incident, "handovers", sarah, T0 + minutes(3), seat="ic", person=bea.uid, text="brief of the IC")
    do(incident, "handovers", cal, T0 + minutes(4), seat="ops", person=dee.uid, text="brief of Ops")

    do(incident, "handover-answers", dee, T0 + minutes(5), seat="ops", answer="decline", note="on a plane")
    do(incident, "handover-answers", bea, T0 + minutes(6), seat="ic", answer="accept")

    assert (incident.ic, incident.state["seats"]["ops"]["user"]) == (bea, cal.pk)
    assert incident.state["offers"] == {}


@pytest.mark.django_db
def test_an_offer_is_over_once_somebody_else_was_named_for_the_seat() -> None:
    incident, sarah = led()
    bea, cal = commander("Bea"), commander("Cal")
    do(incident, "seats", sarah, T0 + minutes(2), role="ops", person=commander("Ann").uid)
    do(incident, "handovers", sarah, T0 + minutes(3), seat="ops", person=bea.uid, text="brief")
    do(incident, "seats", sarah, T0 + minutes(4), role="ops", person=cal.uid)

    with pytest.raises(Refused, match="not offered to you any more"):
        do(incident, "handover-answers", bea, T0 + minutes(5), seat="ops", answer="accept")
    assert incident.state["seats"]["ops"]["user"] == cal.pk


@pytest.mark.django_db
@pytest.mark.ledger("ROLE-04", "CLK-09")
def test_without_an_ic_approval_and_resolve_are_refused_and_the_clock_names_it_overdue() -> None:
    ada, eng = commander("Ada"), make_user("Eng", roles=("engineer",))
    incident = make_incident(by=ada)
    do(incident, "changes", eng, T0, what="x", target="db", why="y", effect="z", undo="u", risk="r")

    for noun, fields in (("approvals", {"number": 1}), ("resolutions", {})):
        with pytest.raises(DeskError) as refused:
            do(incident, noun, ada, T0 + minutes(1), **fields)
        assert any(block.id in ("ROLE-04", "GATE-05", "GATE-10") for block in refused.value.blocks)
    assert incident.ic is None
    assert word(incident, "ic", after=2 - 1 / 60) == "running"
    assert word(incident, "ic", after=2) == "overdue"


@pytest.mark.django_db
def test_an_ic_who_leaves_without_a_successor_starts_the_two_minutes_anew() -> None:
    incident, sarah = led()

    do(incident, "seat-ends", sarah, T0 + minutes(10), seat="ic")

    assert word(incident, "ic", after=11) == "running"
    assert word(incident, "ic", after=12) == "overdue"


@pytest.mark.django_db
@pytest.mark.ledger("ROLE-13", "ROLE-14")
def test_the_ops_lead_reports_proposes_and_carries_out_but_has_no_approval() -> None:
    incident, sarah = led()
    alex = make_user("Alex", roles=("engineer",))
    do(incident, "seats", sarah, T0, role="ops", person=alex.uid)

    do(
        incident,
        "entries",
        alex,
        T0 + minutes(1),
        kind="finding",
        text="disk",
        source="grafana",
        value="100%",
    )
    do(
        incident,
        "changes",
        alex,
        T0 + minutes(2),
        what="x",
        target="db",
        why="y",
        effect="z",
        undo="u",
        risk="r",
    )
    with pytest.raises(NotAllowed) as refused:
        do(incident, "approvals", alex, T0 + minutes(3), number=1)
    do(incident, "approvals", sarah, T0 + minutes(3), number=1)
    do(incident, "starts", alex, T0 + minutes(4), number=1)

    assert refused.value.blocks[0].id == "GATE-02"
    assert incident.state["changes"]["1"]["state"] == "started"


@pytest.mark.django_db
@pytest.mark.ledger("ROLE-15", "ROLE-37")
def test_a_second_ops_lead_and_a_deputy_can_be_named() -> None:
    incident, sarah = led()
    alex, dana = make_user("Alex", roles=("engineer",)), commander("Dana")

    do(incident, "seats", sarah, T0, role="ops2", person=alex.uid)
    do(incident, "seats", sarah, T0, role="deputy", person=dana.uid)

    assert {seat: held["user"] for seat, held in incident.state["seats"].items()} == {
        "ic": sarah.pk, "ops2": alex.pk, "deputy": dana.pk,
    }  # fmt: skip
    assert [label(seat) for seat in incident.state["seats"]] == [
        "Incident Commander",
        "Second Ops Lead",
        "Deputy",
    ]


@pytest.mark.django_db
@pytest.mark.ledger("ROLE-16")
def test_only_the_ic_adds_an_expert_and_for_a_named_domain() -> None:
    incident, sarah = led()
    priya, alex = make_user("Priya", roles=("sme",)), make_user("Alex", roles=("engineer",))

    with pytest.raises(NotAllowed):
        do(incident, "seats", alex, T0, role="sme", domain="database", person=priya.uid)
    with pytest.raises(DeskError, match="domain"):
        do(incident, "seats", sarah, T0, role="sme", person=priya.uid)
    do(incident, "seats", sarah, T0, role="sme", domain="database", person=priya.uid)

    assert incident.state["seats"]["sme.database"]["user"] == priya.pk


@pytest.mark.django_db
@pytest.mark.ledger("ROLE-29", "ROLE-36")
def test_a_seat_nobody_acknowledges_shows_to_the_ic_after_two_minutes() -> None:
    incident, sarah = led()
    alex = make_user("Alex", roles=("engineer",))
    do(incident, "seats", sarah, T0, role="ops", person=alex.uid)
    assert word(incident, "seat", alex.pk, after=1.9) == "running"

    tick.sweep(now=T0 + minutes(2))

    late = incident.entries.get(kind="clock.step", payload__clock="seat")
    assert late.payload["to"] == [alex.pk, sarah.pk]
    do(incident, "entries", alex, T0 + minutes(3), kind="note", text="here")
    assert word(incident, "seat", alex.pk, after=3) == "late"
    assert incident.state["seats"]["ops"]["acked"]


@pytest.mark.django_db
@pytest.mark.ledger("CLK-11", "CMD-03")
def test_who_is_named_once_the_bridge_is_open_has_two_minutes_to_join_it() -> None:
    service = make_service(bridge="https://meet.example/1")
    sarah, alex = commander("Sarah"), make_user("Alex", roles=("engineer",))
    incident = make_incident(by=sarah, service=service)
    do(incident, "seats", sarah, T0, role="ic")
    do(incident, "seats", sarah, T0 + minutes(1), role="ops", person=alex.uid)

    assert word(incident, "joined", alex.pk, after=2) == "running"
    assert word(incident, "seat", alex.pk, after=2) == "none"
    assert word(incident, "joined", sarah.pk, after=2) == "none"
    do(incident, "entries", alex, T0 + minutes(2), kind="note", text="typing is not joining")
    assert word(incident, "joined", alex.pk, after=2.5) == "running"
    do(incident, "bridge-joins", alex, T0 + minutes(3) + timedelta(seconds=1))

    assert word(incident, "joined", alex.pk, after=4) == "late"
    assert incident.state["seats"]["ops"]["acked"]


@pytest.mark.django_db
@pytest.mark.ledger("ROLE-30")
def test_each_severity_names_the_seats_it_needs() -> None:
    incident, _ = led()
    protocol = protocol_of(incident.protocol_id)

    assert {level: severity.roles for level, severity in protocol.severities.items()} == {
        1: ("ic", "comms", "ops"), 2: ("ic", "comms", "ops"), 3: ("owner",), 4: (),
    }  # fmt: skip


@pytest.mark.django_db
def test_a_seat_that_changed_meanwhile_answers_who_did_it() -> None:
    incident, sarah = led()
    dana, third = commander("Dana"), commander("Third")
    do(incident, "seats", sarah, T0 + minutes(1), role="ops", person=dana.uid, seen_version=0)

    with pytest.raises(Stale, match=r"Sarah named somebody for the seat Ops Lead at 06:48:00 UTC"):
        do(incident, "seats", sarah, T0 + minutes(2), role="ops", person=third.uid, seen_version=0)


@pytest.mark.django_db
@pytest.mark.ledger("ROLE-01")
def test_a_seat_whose_holder_was_put_out_is_free_to_whoever_claims_it() -> None:
    incident, sarah = led()
    dana = commander("Dana")
    with pytest.raises(Refused):
        do(incident, "seats", dana, T0 + minutes(1), role="ic")

    accounts.set_active(sarah, False)
    do(incident, "seats", dana, T0 + minutes(2), role="ic")

    assert holder(incident.state, "ic") == dana.pk
    ended = incident.entries.get(kind="seat.ended")
    assert (ended.author, ended.payload["user"]) == (None, sarah.pk)


@pytest.mark.django_db
def test_a_claim_that_is_refused_leaves_who_was_put_out_in_the_seat() -> None:
    incident, sarah = led()
    accounts.set_active(sarah, False)

    with pytest.raises(NotAllowed):
        do(incident, "seats", make_user("Eve", roles=["engineer"]), T0 + minutes(2), role="ic")

    incident.refresh_from_db()
    assert holder(incident.state, "ic") == sarah.pk


@pytest.mark.django_db(transaction=True)
def test_two_people_take_command_at_one_instant_and_one_wins() -> None:
    """F21: never two holders, and the loser learns who."""
    incident = make_incident()
    people = [commander(f"C{n}") for n in range(8)]
    won, lost = [], []

    def take(person: User) -> None:
        try:
            do(Incident.objects.get(pk=incident.pk), "seats", person, T0 + minutes(1), role="ic")
            won.append(person)
        except DeskError as error:
            lost.append(error)

    at_once(*(partial(take, person) for person in people))

    assert len(won) == 1
    assert {error.blocks[0].id for error in lost} == {"GATE-07"}
    assert all(
        error.sentence.startswith(f"{won[0].name} is Incident Commander since 06:48:00 UTC.")
        for error in lost
    )
    assert Seat.objects.filter(incident=incident, role="ic", ended_at=None).count() == 1


@pytest.mark.ledger("CLK-11")
def test_nobody_joins_a_bridge_before_it_was_opened(db: None) -> None:
    sarah, alex = commander("Sarah"), make_user("Alex", roles=("engineer",))
    incident = make_incident(by=sarah)
    do(incident, "seats", sarah, T0, role="ic")
    do(incident, "seats", sarah, T0 + minutes(1), role="ops", person=alex.uid)
    do(incident, "bridge", sarah, T0 + minutes(20), link="https://meet.example/1")

    with pytest.raises(Invalid) as refusal:
        do(incident, "bridge-joins", alex, T0 + minutes(29), happened_at=T0 + minutes(3))
    do(incident, "bridge-joins", alex, T0 + minutes(29), happened_at=T0 + minutes(21))

    assert "opened at 07:07:00 UTC" in refusal.value.fields["happened_at"]
    assert incident.state["joined"] == {str(alex.pk): stamp(T0 + minutes(21))}

"""Production changes: announce, approval, act, confirm; nothing skipped and nobody alone."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.utils import IntegrityError

from comms.models import Message
from desk import tick
from incidentdesk.kernel.errors import DeskError, Invalid, NotAllowed, Refused, Stale
from incidents.models import Change, Incident
from incidents.protocol import read
from incidents.record import protocol_of
from people.models import User
from tests.factories import T0, commander, do, make_incident, make_paged, make_service, make_user, minutes
from tests.people.factories import make_team

pytestmark = pytest.mark.django_db

WORDS = {
    "what": "fail over",
    "target": "db-01",
    "why": "disk dies",
    "effect": "writes return",
    "undo": "fail back",
}


def crew(severity: int = 1) -> tuple[Incident, User, User]:
    """An incident with an IC and an Ops Lead."""
    sarah, alex = commander("Sarah"), make_user("Alex", roles=("engineer",))
    incident = make_incident(by=sarah, severity=severity)
    do(incident, "seats", sarah, T0, role="ic")
    do(incident, "seats", sarah, T0, role="ops", person=alex.uid)
    return incident, sarah, alex


def refused(incident: Incident, noun: str, by: User, after: float, **fields: object) -> list[str]:
    """The ids of the gates that refuse an act."""
    with pytest.raises((Refused, NotAllowed)) as error:
        do(incident, noun, by, T0 + minutes(after), **fields)
    return [block.id for block in error.value.blocks]


@pytest.mark.ledger("APP-01")
def test_a_change_is_a_request_with_all_its_parts() -> None:
    incident, _, alex = crew()

    do(incident, "changes", alex, T0 + minutes(1), **WORDS, risk="30 s of writes lost", loss="30 s")

    entry = incident.entries.get(kind="change.proposed")
    assert incident.texts.get(seq=entry.seq).body == {**WORDS, "risk": "30 s of writes lost", "loss": "30 s"}
    change = Change.objects.get(incident=incident)
    assert (change.state, change.requester, change.implementer) == ("proposed", alex, alex)


@pytest.mark.ledger("APP-02", "APP-07")
def test_nothing_starts_before_approval_and_no_step_is_skipped() -> None:
    incident, sarah, alex = crew()
    do(incident, "changes", alex, T0 + minutes(1), **WORDS, risk="r")

    assert refused(incident, "starts", alex, 2, number=1) == ["GATE-01"]
    do(incident, "approvals", sarah, T0 + minutes(3), number=1)
    assert refused(incident, "finishes", alex, 3, number=1) == ["APP-07"]
    do(incident, "starts", alex, T0 + minutes(4), number=1)
    assert refused(incident, "confirmations", alex, 4, number=1, seen="yes") == ["APP-07"]
    do(incident, "finishes", alex, T0 + minutes(5), number=1)
    do(incident, "confirmations", alex, T0 + minutes(6), number=1, seen="yes")

    stamps = (
        incident.entries.filter(kind__startswith="change.").order_by("seq").values_list("kind", "happened_at")
    )
    assert list(stamps) == [
        (f"change.{kind}", T0 + minutes(at))
        for kind, at in (("proposed", 1), ("approved", 3), ("started", 4), ("finished", 5), ("confirmed", 6))
    ]


@pytest.mark.ledger("APP-02", "APP-20")
def test_a_restart_logged_as_already_done_is_unauthorised_and_the_ic_hears() -> None:
    incident, sarah, alex = crew()

    do(incident, "done-changes", alex, T0 + minutes(5), what="restarted the node", target="db-01")

    assert Change.objects.get(incident=incident).unauthorised
    assert (
        Message.objects.filter(dest=sarah.email, payload__subject__icontains="without approval").count() == 1
    )
    assert incident.status == "investigating"


@pytest.mark.ledger("APP-03")
@pytest.mark.parametrize(
    "roles", [("engineer",), ("sme",), ("support",), ("executive",), ("admin",), ("manager",)]
)
def test_nobody_but_the_ic_approves(roles: tuple[str, ...]) -> None:
    incident, _, alex = crew()
    do(incident, "changes", alex, T0 + minutes(1), **WORDS, risk="r")

    assert "GATE-02" in refused(incident, "approvals", make_user("Other", roles=roles), 2, number=1)


@pytest.mark.ledger("APP-03", "APP-22")
def test_deputy_then_managers_answer_when_the_ic_is_away_and_any_act_ends_the_absence() -> None:
    boss = make_user("Boss", roles=("manager",))
    service = make_service(team=make_team("Core", manager=boss))
    sarah, alex, dana = commander("Sarah"), make_user("Alex", roles=("engineer",)), commander("Dana")
    incident = make_incident(by=sarah, service=service)
    do(incident, "seats", sarah, T0, role="ic")
    do(incident, "seats", sarah, T0, role="deputy", person=dana.uid)
    do(incident, "changes", alex, T0 + minutes(1), **WORDS, risk="r")
    do(incident, "changes", alex, T0 + minutes(1), **WORDS, risk="r")
    do(incident, "changes", alex, T0 + minutes(1), **WORDS, risk="r")
    assert "GATE-02" in refused(incident, "approvals", dana, 2, number=1)

    do(incident, "absences", alex, T0 + minutes(2), state="away")
    do(incident, "approvals", dana, T0 + minutes(3), number=1)
    do(incident, "approvals", boss, T0 + minutes(3), number=2)
    do(incident, "entries", sarah, T0 + minutes(4), kind="note", text="back")

    assert "GATE-02" in refused(incident, "approvals", dana, 5, number=3)


@pytest.mark.ledger("APP-04")
def test_requester_and_approver_differ_and_alone_at_night_a_second_person_is_paged() -> None:
    ada = commander("Ada")
    incident = make_incident(by=ada)
    do(incident, "seats", ada, T0, role="ic")
    do(
        incident,
        "changes",
        ada,
        T0 + minutes(1),
        **WORDS,
        risk="r",
        implementer=make_user("Eng", roles=("engineer",)).uid,
    )

    with pytest.raises((Refused, NotAllowed)) as error:
        do(incident, "approvals", ada, T0 + minutes(2), number=1)

    assert error.value.blocks[0].id == "GATE-02"
    assert "page a second person" in error.value.sentence
    with pytest.raises(IntegrityError), transaction.atomic():
        Change.objects.filter(incident=incident).update(approver=ada)


@pytest.mark.ledger("APP-05")
def test_an_approval_needs_a_stated_risk() -> None:
    incident, sarah, alex = crew()
    do(incident, "changes", alex, T0 + minutes(1), **WORDS)

    assert refused(incident, "approvals", sarah, 2, number=1) == ["GATE-02"]
    do(incident, "approvals", sarah, T0 + minutes(3), number=1, risk="about 30 s of writes lost")

    assert incident.state["changes"]["1"]["state"] == "approved"


@pytest.mark.ledger("APP-06")
def test_the_ic_approves_rejects_or_asks_and_a_verbal_ok_carries_the_time_of_the_words() -> None:
    incident, sarah, alex = crew()
    for _ in range(3):
        do(incident, "changes", alex, T0 + minutes(1), **WORDS, risk="r")

    do(incident, "rejections", sarah, T0 + minutes(2), number=1, note="too risky now")
    do(incident, "questions-on-changes", sarah, T0 + minutes(2), number=2, text="does it release cleanly?")
    do(incident, "replies", alex, T0 + minutes(3), number=2, text="yes")
    do(incident, "approvals", sarah, T0 + minutes(180), number=3, happened_at=T0 + minutes(4))

    assert [incident.state["changes"][n]["state"] for n in "123"] == ["rejected", "proposed", "approved"]
    decision = next(
        r
        for r in read(protocol_of(incident.protocol_id), incident.state, T0 + minutes(181))
        if (r.clock, r.subject) == ("decision", "3")
    )
    assert (decision.word, decision.entered) == ("met", 176)


@pytest.mark.ledger("APP-08")
def test_an_approved_change_that_customers_may_notice_readies_a_draft_and_tells_comms() -> None:
    incident, sarah, alex = crew()
    jordan = make_user("Jordan", roles=("comms",))
    do(incident, "seats", sarah, T0, role="comms", person=jordan.uid)
    do(incident, "changes", alex, T0 + minutes(1), **WORDS, risk="r", notice=True)

    do(incident, "approvals", sarah, T0 + minutes(2), number=1)

    assert incident.entries.filter(kind="draft.prepared", payload__why="change").count() == 1
    assert (
        Message.objects.filter(dest=jordan.email, payload__subject__icontains="customers may notice").count()
        == 1
    )


@pytest.mark.ledger("CLK-30")
def test_a_change_nobody_answers_reminds_ic_and_deputy_after_five_minutes() -> None:
    incident, sarah, alex = crew()
    dana = commander("Dana")
    do(incident, "seats", sarah, T0, role="deputy", person=dana.uid)
    do(incident, "changes", alex, T0 + minutes(1), **WORDS, risk="r")

    tick.sweep(now=T0 + minutes(5.9))
    assert not incident.entries.filter(kind="clock.step", payload__clock="decision").exists()
    tick.sweep(now=T0 + minutes(6))

    assert incident.entries.get(kind="clock.step", payload__clock="decision").payload["to"] == [
        sarah.pk,
        dana.pk,
    ]


def test_the_ic_never_carries_out_a_change() -> None:
    incident, sarah, alex = crew()
    named = refused(incident, "changes", alex, 1, **WORDS, risk="r", implementer=sarah.uid)
    do(incident, "changes", alex, T0 + minutes(1), **WORDS, risk="r")
    do(incident, "approvals", sarah, T0 + minutes(2), number=1)

    assert named == ["GATE-06"]
    assert "GATE-06" in refused(incident, "starts", sarah, 3, number=1)


def test_the_first_change_started_makes_it_mitigating_and_one_already_done_moves_nothing() -> None:
    incident, sarah, alex = crew()
    do(incident, "done-changes", alex, T0 + minutes(1), what="x")
    assert incident.status == "investigating"
    do(incident, "changes", alex, T0 + minutes(1), **WORDS, risk="r")
    do(incident, "approvals", sarah, T0 + minutes(2), number=2)

    do(incident, "starts", alex, T0 + minutes(3), number=2)

    assert incident.status == "mitigating"


def test_on_sev_3_without_an_ic_the_owner_approves_also_an_own_change() -> None:
    ada = make_user("Ada", roles=("engineer",))
    incident = make_incident(by=ada, severity=3)
    do(incident, "changes", ada, T0 + minutes(1), **WORDS, risk="r")

    do(incident, "approvals", ada, T0 + minutes(2), number=1)

    assert incident.state["changes"]["1"]["approver"] == ada.pk


def test_a_change_that_was_answered_meanwhile_is_a_409_that_names_who_did_what_when() -> None:
    incident, sarah, alex = crew()
    do(incident, "changes", alex, T0 + minutes(1), **WORDS, risk="r")
    seen = incident.state["changes"]["1"]["seq"]
    do(incident, "approvals", sarah, T0 + minutes(2), number=1, seen_version=seen)

    with pytest.raises(Stale, match=r"Sarah approved it at 06:49:00 UTC"):
        do(incident, "rejections", sarah, T0 + minutes(3), number=1, note="no", seen_version=seen)


def test_a_refusal_stands_on_the_record_once_with_its_gates() -> None:
    incident, _, alex = crew()
    do(incident, "changes", alex, T0 + minutes(1), **WORDS, risk="r")
    from desk.flows.act import ACTS

    form = ACTS["starts"].form(number=1)
    for _ in range(3):
        with pytest.raises(DeskError, match="not approved"):
            ACTS["starts"](incident.pk, form, by=alex, request_id="same", now=T0 + minutes(2))

    entry = incident.entries.get(kind="refused")
    assert entry.payload["gates"] == ["GATE-01"]
    assert entry.author == alex


def test_paged_alone_the_refusal_offers_the_seat() -> None:
    mike = make_user("Mike", roles=("engineer",))
    incident = make_paged(mike)
    do(incident, "changes", mike, T0 + minutes(83), **WORDS, risk="r")

    with pytest.raises(DeskError) as error:
        do(incident, "starts", mike, T0 + minutes(93), number=1)

    assert error.value.blocks[0].id == "GATE-01"
    assert "Take the seat" in error.value.sentence


def test_a_commander_who_is_away_is_not_asked_as_a_manager_either() -> None:
    boss, alex = make_user("Boss", roles=("ic", "manager")), make_user("Alex", roles=("engineer",))
    second = make_user("Second", roles=("manager",))
    service = make_service(team=make_team("Core", manager=boss, people=[second]))
    incident = make_incident(by=alex, service=service)
    do(incident, "seats", boss, T0, role="ic")
    do(incident, "absences", alex, T0 + minutes(1), state="away")

    do(incident, "changes", alex, T0 + minutes(2), **WORDS, risk="r")

    asked = Message.objects.filter(dedupe_key__startswith="change:1:").values_list("dest", flat=True)
    assert list(asked) == [second.email]


def test_a_withdrawal_entered_later_keeps_its_time_which_is_not_before_the_proposal() -> None:
    incident, _, alex = crew()
    do(incident, "changes", alex, T0 + minutes(5), **WORDS, risk="r")

    with pytest.raises(Invalid):
        do(incident, "withdrawals", alex, T0 + minutes(9), number=1, happened_at=T0 + minutes(4))
    do(incident, "withdrawals", alex, T0 + minutes(9), number=1, happened_at=T0 + minutes(7))

    assert incident.entries.get(kind="change.withdrawn").happened_at == T0 + minutes(7)


@pytest.mark.ledger("APP-06", "APP-07")
@pytest.mark.parametrize(
    ("noun", "words"),
    [("approvals", {}), ("rejections", {"note": "n"}), ("questions-on-changes", {"text": "?"})],
)
def test_an_answer_to_a_change_never_lies_before_its_proposal(noun: str, words: dict[str, str]) -> None:
    incident, sarah, alex = crew()
    do(incident, "changes", alex, T0 + minutes(10), **WORDS, risk="r")

    with pytest.raises(Invalid) as refusal:
        do(incident, noun, sarah, T0 + minutes(12), number=1, happened_at=T0 + minutes(9), **words)
    do(incident, noun, sarah, T0 + minutes(12), number=1, happened_at=T0 + minutes(10), **words)

    assert "06:57:00 UTC" in refusal.value.fields["happened_at"]
    assert incident.entries.latest("seq").happened_at == T0 + minutes(10)


@pytest.mark.ledger("APP-02")
def test_a_verbal_ok_entered_later_allows_a_start_only_from_its_entry_on() -> None:
    incident, sarah, alex = crew()
    do(incident, "changes", alex, T0 + minutes(1), **WORDS, risk="r")
    do(incident, "approvals", sarah, T0 + minutes(20), number=1, happened_at=T0 + minutes(2))

    with pytest.raises(Invalid) as refusal:
        do(
            incident,
            "starts",
            alex,
            T0 + minutes(25),
            number=1,
            happened_at=T0 + minutes(20) - timedelta(seconds=1),
        )
    do(incident, "starts", alex, T0 + minutes(25), number=1, happened_at=T0 + minutes(20))

    assert "07:07:00 UTC" in refusal.value.fields["happened_at"]
    assert incident.entries.get(kind="change.started").happened_at == T0 + minutes(20)


@pytest.mark.ledger("GATE-01", "APP-07")
def test_a_change_that_is_asked_about_does_not_start_before_it_is_approved() -> None:
    incident, sarah, alex = crew()
    do(incident, "changes", alex, T0 + minutes(1), **WORDS, risk="r")
    do(incident, "questions-on-changes", sarah, T0 + minutes(2), number=1, text="does it release cleanly?")

    assert refused(incident, "starts", alex, 3, number=1) == ["GATE-01"]
    do(incident, "replies", alex, T0 + minutes(4), number=1, text="yes")
    assert refused(incident, "starts", alex, 5, number=1) == ["GATE-01"]
    assert incident.state["changes"]["1"]["state"] == "proposed"


@pytest.mark.ledger("GATE-02", "APP-03")
@pytest.mark.parametrize("noun", ["approvals", "rejections", "questions-on-changes"])
def test_deputy_and_manager_answer_for_no_change_of_another_while_the_ic_is_there(noun: str) -> None:
    boss = make_user("Boss", roles=("manager",))
    sarah, alex, dana = commander("Sarah"), make_user("Alex", roles=("engineer",)), commander("Dana")
    incident = make_incident(by=sarah, service=make_service(team=make_team("Core", manager=boss)))
    do(incident, "seats", sarah, T0, role="ic")
    do(incident, "seats", sarah, T0, role="deputy", person=dana.uid)
    # The IC's own request opens the chain, for that request alone.
    do(incident, "changes", sarah, T0 + minutes(1), **WORDS, risk="r", implementer=alex.uid)
    do(incident, "changes", alex, T0 + minutes(1), **WORDS, risk="r")
    words = {"approvals": {}, "rejections": {"note": "n"}, "questions-on-changes": {"text": "?"}}[noun]

    for other in (dana, boss):
        assert "GATE-02" in refused(incident, noun, other, 2, number=2, **words)
    do(incident, noun, boss, T0 + minutes(3), number=1, **words)

    assert incident.state["changes"]["2"]["state"] == "proposed"
    assert incident.state["changes"]["1"]["state"] != "proposed"


@pytest.mark.ledger("APP-01", "APP-07")
@pytest.mark.parametrize("commands", [False, True])
def test_an_approved_change_is_withdrawn_until_it_starts_and_who_expects_it_hears_so(commands: bool) -> None:
    incident, sarah, alex = crew()
    ben = make_user("Ben", roles=("engineer",))
    do(incident, "changes", alex, T0 + minutes(1), **WORDS, risk="r", implementer=ben.uid)
    do(incident, "approvals", sarah, T0 + minutes(2), number=1)

    do(incident, "withdrawals", sarah if commands else alex, T0 + minutes(3), number=1, text="not needed")

    assert incident.state["changes"]["1"]["state"] == "withdrawn"
    assert "APP-07" in refused(incident, "starts", alex, 4, number=1)
    told = Message.objects.filter(dedupe_key__startswith="withdrawn:1:")
    assert {each.dest for each in told} == {ben.email, alex.email if commands else sarah.email}
    assert "must not start" in told[0].payload["body"]
    do(
        incident, "seat-ends", sarah, T0 + minutes(5), seat="ic"
    )  # nothing is open any more that would keep Ben
    assert Change.objects.get(incident=incident).state == "withdrawn"


@pytest.mark.ledger("APP-01", "APP-07")
def test_a_change_that_has_started_is_not_withdrawn() -> None:
    incident, sarah, alex = crew()
    do(incident, "changes", alex, T0 + minutes(1), **WORDS, risk="r")
    do(incident, "approvals", sarah, T0 + minutes(2), number=1)
    do(incident, "starts", alex, T0 + minutes(3), number=1)

    assert refused(incident, "withdrawals", alex, 4, number=1) == ["APP-07"]
    do(incident, "finishes", alex, T0 + minutes(5), number=1)
    assert refused(incident, "withdrawals", sarah, 6, number=1) == ["APP-07"]


@pytest.mark.ledger("INC-38", "GATE-06", "APP-02")
def test_a_commander_who_is_ops_lead_too_keeps_nobody_from_asking_and_carries_nothing_out() -> None:
    """The two seats were allowed when nothing was open; a change that is then proposed is only a request."""
    incident, sarah, alex = crew()
    do(incident, "seat-ends", sarah, T0 + minutes(1), seat="ops")
    do(incident, "seats", sarah, T0 + minutes(1), role="ops")

    do(incident, "changes", alex, T0 + minutes(2), **WORDS, risk="r")

    assert refused(incident, "changes", alex, 2, **WORDS, risk="r", implementer=sarah.uid) == ["GATE-06"]
    do(incident, "approvals", sarah, T0 + minutes(3), number=1)
    assert refused(incident, "starts", sarah, 4, number=1) == ["GATE-06"]
    do(incident, "starts", alex, T0 + minutes(4), number=1)

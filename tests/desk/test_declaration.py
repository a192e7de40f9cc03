"""Declaring: cheap, at once, whole, and only once."""

from datetime import timedelta

import pytest

from comms.models import Message
from desk import tick
from desk.flows import declare
from desk.flows.act import ACTS
from desk.forms.incident import DeclareForm
from incidentdesk.kernel.errors import Invalid, NotAllowed, Refused
from incidentdesk.kernel.stamps import stamp
from incidents.models import Incident
from incidents.protocol import read
from incidents.record import protocol_of
from incidents.verify import verify
from people.models import User
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
    new_id,
)
from tests.people.factories import make_team

pytestmark = pytest.mark.django_db


def word(incident: Incident, clock: str, subject: str = "", *, after: float = 0) -> str:
    """How a clock of an incident reads some minutes after T0: the last occurrence's word."""
    found = [
        reading.word
        for reading in read(protocol_of(incident.protocol_id), incident.state, T0 + minutes(after))
        if reading.clock == clock and reading.subject == subject
    ]
    return found[-1] if found else "none"


@pytest.mark.ledger("INC-01", "SEV-02")
@pytest.mark.parametrize(
    "role", ["engineer", "support", "customer_support", "manager", "executive", "comms", "sme", "ic"]
)
def test_any_responder_declares_with_one_short_form_that_asks_no_cause(role: str) -> None:
    service = make_service()
    person = make_user("Ada", roles=(role,))

    answer = declare(
        DeclareForm(severity=2, symptom="login fails", services=[service.slug]),
        by=person,
        request_id=new_id(),
        now=T0,
    )

    assert answer.incident == "INC-2026-0001"
    assert not {"cause", "complexity", "difficulty"} & set(DeclareForm.model_fields)
    assert {name for name, field in DeclareForm.model_fields.items() if field.is_required()} == {"symptom"}


def test_a_client_contact_declares_nothing() -> None:
    service = make_service()

    with pytest.raises(NotAllowed):
        declare(
            DeclareForm(severity=2, symptom="x", services=[service.slug]),
            by=make_user("Client", roles=("client_contact",)), request_id=new_id(), now=T0,
        )  # fmt: skip
    assert not Incident.objects.exists()


@pytest.mark.ledger("INC-02")
def test_the_record_has_key_stamp_and_owner_before_anything_is_investigated() -> None:
    ada = commander("Ada")

    incident = make_incident(by=ada)

    first = incident.entries.order_by("seq").first()
    assert (incident.key, incident.opened_at, incident.owner) == ("INC-2026-0001", T0, ada)
    assert first is not None and (first.kind, first.seq) == ("opened", 1)


@pytest.mark.ledger("INC-02")
@pytest.mark.parametrize("role", ["customer_support", "executive"])
def test_who_may_not_enter_the_room_owns_nothing_and_the_first_of_the_list_who_may_is_told(role: str) -> None:
    away, reader, ada, bea = (
        make_user(name, roles=roles)
        for name, roles in (("Gone", ["engineer"]), ("Vera", ["executive"]), ("Ada", ["ic"]), ("Bea", ["ic"]))
    )
    User.objects.filter(pk=away.pk).update(is_active=False)
    service = make_service(team=make_team("Core", people=[away, reader, ada, bea]))

    incident = make_incident(by=make_user("Lena", roles=[role]), service=service)

    assert (incident.owner, incident.state["owner"]) == (ada, ada.pk)
    assert (
        "you own it"
        in Message.objects.get(dest=ada.email, dedupe_key__startswith="owner:").payload["subject"]
    )
    assert verify(incident) is None


def test_without_anybody_on_the_list_its_manager_owns_what_an_outsider_declares() -> None:
    boss = make_user("Boss", roles=["manager"])
    service = make_service(team=make_team("Core", manager=boss))

    incident = make_incident(by=make_user("Lena", roles=["customer_support"]), service=service)

    assert incident.owner == boss


@pytest.mark.parametrize("listed", [True, False], ids=["with a team", "with nobody else to own it"])
def test_no_byte_of_the_room_is_mailed_to_who_may_not_enter_it(listed: bool) -> None:
    lena, eve = make_user("Lena", roles=["customer_support"]), make_user("Eve", roles=["engineer"])
    sarah = commander("Sarah")
    service = make_service(team=make_team("Core", people=[eve] if listed else [lena]))
    incident = make_incident(by=lena, service=service)

    do(incident, "done-changes", eve, T0 + minutes(1), what="SECRET restart", target="db")
    do(incident, "seats", sarah, T0 + minutes(2), role="ic")
    do(
        incident,
        "updates",
        sarah,
        T0 + minutes(3),
        audiences=["responders"],
        impact="x",
        known="SECRET cause",
    )
    tick.sweep(now=T0 + minutes(40))

    assert not Message.objects.filter(dest=lena.email).exists()
    assert Message.objects.filter(dest=sarah.email).exists()


@pytest.mark.ledger("INC-03")
def test_alert_fired_is_kept_apart_and_each_correction_is_an_entry_with_old_new_author_and_reason() -> None:
    ada = commander("Ada")
    incident = make_incident(by=ada, declared_at=T0, alert_fired_at=T0 - minutes(3))
    assert incident.alert_fired_at == T0 - minutes(3)
    assert incident.opened_at == T0

    do(incident, "alert-time", ada, T0 + minutes(1), at=T0 - minutes(10), reason="monitor lagged")

    entry = incident.entries.get(kind="alert_time.corrected")
    assert entry.payload == {"from": stamp(T0 - minutes(3)), "to": stamp(T0 - minutes(10))}
    assert entry.author == ada
    assert incident.texts.get(seq=entry.seq).body == {"reason": "monitor lagged"}
    assert incident.alert_fired_at == T0 - minutes(10)
    assert incident.opened_at == T0


@pytest.mark.ledger("INC-08", "CMD-01")
def test_declaring_sev_1_does_all_of_it_in_one_idempotent_act() -> None:
    boss = make_user("Boss", roles=("manager",))
    service = make_service(team=make_team("Core", manager=boss), bridge="https://meet.example/core")
    ada, request = commander("Ada"), new_id()
    form = DeclareForm(severity=1, symptom="writes fail", services=[service.slug])

    answers = [declare(form, by=ada, request_id=request, now=T0 + timedelta(seconds=n)) for n in range(3)]

    assert answers[0] == answers[1] == answers[2]
    incident = Incident.objects.get()
    kinds = list(incident.entries.order_by("seq").values_list("kind", flat=True))
    assert kinds == ["opened", "declared", "lead.told", "bridge.opened", "draft.prepared"]
    assert Message.objects.filter(dest=boss.email, dedupe_key__startswith="lead:").count() == 1
    assert word(incident, "update.clients", after=1) == "running"


@pytest.mark.ledger("CMD-01")
def test_sev_3_opens_no_bridge_by_itself() -> None:
    service = make_service(bridge="https://meet.example/core")

    incident = make_incident(severity=3, service=service)

    assert not incident.entries.filter(kind="bridge.opened").exists()


def test_the_same_request_id_with_another_form_is_refused() -> None:
    service, ada, request = make_service(), commander("Ada"), new_id()
    declare(
        DeclareForm(severity=1, symptom="one", services=[service.slug]), by=ada, request_id=request, now=T0
    )

    with pytest.raises(Invalid, match="used for something else"):
        declare(
            DeclareForm(severity=1, symptom="two", services=[service.slug]),
            by=ada,
            request_id=request,
            now=T0,
        )
    assert Incident.objects.count() == 1


def test_an_alert_time_in_the_future_is_refused_and_nothing_is_kept() -> None:
    service = make_service()

    with pytest.raises(Invalid) as refused:
        declare(
            DeclareForm(severity=1, symptom="x", services=[service.slug], alert_fired_at=T0 + minutes(1)),
            by=commander(), request_id=new_id(), now=T0,
        )  # fmt: skip
    assert "alert_fired_at" in refused.value.fields
    assert not Incident.objects.exists()


@pytest.mark.ledger("SEV-22")
def test_declaring_below_the_suggestion_warns_and_above_is_silent() -> None:
    service = make_service()
    answers = {"affected": "yes", "share": "over", "core": "yes", "worse": "no"}

    below = declare(
        DeclareForm(severity=3, symptom="x", services=[service.slug], **answers),
        by=commander(),
        request_id=new_id(),
        now=T0,
    )
    above = declare(
        DeclareForm(severity=1, symptom="x", services=[service.slug], affected="no"),
        by=commander(),
        request_id=new_id(),
        now=T0,
    )

    assert "suggest SEV-1" in below.warnings[0]
    assert above.warnings == []
    declared = Incident.objects.get(key=below.incident).entries.get(kind="declared")
    assert (declared.payload["below"], declared.payload["suggested"]) == (True, 1)


@pytest.mark.ledger("TRI-06", "TRI-10")
def test_a_paged_responder_declares_the_open_record_and_its_clocks_start() -> None:
    ada = commander("Ada")
    incident = make_paged(ada)
    do(incident, "acknowledgements", ada, T0 + minutes(1))
    assert (incident.status, incident.severity, incident.presumed) == ("open", None, 1)
    assert word(incident, "update.clients", after=2) in ("none", "not started")
    assert word(incident, "triage", after=2) == "running"

    do(incident, "declarations", ada, T0 + minutes(3), severity=1, symptom="writes fail")

    assert (incident.severity, incident.owner) == (1, ada)
    assert word(incident, "triage", after=4) == "met"
    assert word(incident, "update.clients", after=4) == "running"
    with pytest.raises(Refused) as again:
        do(incident, "declarations", ada, T0 + minutes(4), severity=1, symptom="again")
    assert again.value.blocks[0].id == "INC-08"


@pytest.mark.ledger("TRI-01")
def test_triage_takes_five_minutes_from_the_acknowledgement_and_its_overrun_is_logged() -> None:
    from desk import tick

    ada = commander("Ada")
    incident = make_paged(ada)
    do(incident, "acknowledgements", ada, T0 + minutes(1))

    tick.sweep(now=T0 + minutes(6) - timedelta(seconds=1))
    assert not incident.entries.filter(kind="clock.step", payload__clock="triage").exists()
    tick.sweep(now=T0 + minutes(6))

    late = incident.entries.get(kind="clock.step", payload__clock="triage")
    assert late.payload["do"] == "offer_declaration"
    assert (
        Message.objects.filter(dest=ada.email, payload__body__icontains="Declare now as SEV-1").count() == 1
    )


def test_declared_at_another_severity_than_presumed_voids_what_is_not_due_and_starts_no_announcement() -> (
    None
):
    ada = commander("Ada")
    incident = make_paged(ada)
    do(incident, "acknowledgements", ada, T0 + minutes(1))

    do(incident, "declarations", ada, T0 + minutes(2), severity=3, symptom="slow search")

    assert word(incident, "client_notice", after=3) == "void"
    assert word(incident, "leadership", after=3) == "void"
    assert word(incident, "announce", after=3) == "none"
    assert incident.status == "investigating"


@pytest.mark.ledger("SEV-10")
def test_sev_4_is_the_ticket_only_without_any_clock() -> None:
    incident = make_incident(severity=4)

    running = [
        reading
        for reading in read(protocol_of(incident.protocol_id), incident.state, T0)
        if reading.word == "running"
    ]

    assert running == []


@pytest.mark.ledger("INC-24", "INC-25")
def test_scope_and_impact_are_logged_value_by_value_and_may_be_unknown() -> None:
    ada, bank = commander("Ada"), make_client()
    incident = make_incident(by=ada)

    do(
        incident,
        "scope",
        ada,
        T0 + minutes(1),
        services=["unknown"],
        clients=[bank.slug],
        regions="unknown",
        environments="prod",
    )
    do(incident, "impact", ada, T0 + minutes(2), users=1200, worse="yes")
    do(incident, "impact", ada, T0 + minutes(9), users=3600, revenue=15000)

    scope = incident.entries.get(kind="scope.set")
    assert scope.payload["unknown"] == ["services"]
    assert incident.texts.get(seq=scope.seq).body == {"regions": "unknown", "environments": "prod"}
    assert list(incident.clients.all()) == [bank]
    growth = [
        (e.happened_at, e.payload["users"])
        for e in incident.entries.filter(kind="impact.stated").order_by("seq")
    ]
    assert growth == [(T0 + minutes(2), 1200), (T0 + minutes(9), 3600)]


def test_every_field_of_the_impact_is_optional_but_not_all_at_once() -> None:
    ada = commander("Ada")
    incident = make_incident(by=ada)

    with pytest.raises(Invalid, match="at least one"):
        do(incident, "impact", ada, T0 + minutes(1))


@pytest.mark.ledger("INC-23")
def test_one_objective_set_by_the_ic_alone_and_each_change_logged() -> None:
    ada, eng = commander("Ada"), make_user("Eng", roles=("engineer",))
    incident = make_incident(by=ada)
    do(incident, "seats", ada, T0, role="ic")

    with pytest.raises(NotAllowed):
        do(incident, "objectives", eng, T0 + minutes(1), text="x")
    do(incident, "objectives", ada, T0 + minutes(1), text="Writes work again")
    do(incident, "objectives", ada, T0 + minutes(5), text="Hold db-02 until 03:30")

    texts = [
        incident.texts.get(seq=e.seq).body["text"]
        for e in incident.entries.filter(kind="objective.set").order_by("seq")
    ]
    assert texts == ["Writes work again", "Hold db-02 until 03:30"]


def test_every_act_that_the_page_offers_is_registered_with_the_kinds_it_writes() -> None:
    assert all(flow.kinds for flow in ACTS.values())


def test_without_a_picked_severity_the_answers_decide_and_without_both_it_is_asked() -> None:
    service = make_service()
    said = {"affected": "yes", "share": "over", "core": "no", "worse": "no"}

    answer = declare(
        DeclareForm(symptom="x", services=[service.slug], **said), by=commander(), request_id=new_id(), now=T0
    )

    assert Incident.objects.get(key=answer.incident).severity == 1
    with pytest.raises(Invalid) as refused:
        declare(
            DeclareForm(symptom="x", services=[service.slug]), by=commander(), request_id=new_id(), now=T0
        )
    assert "severity" in refused.value.fields


def test_a_title_given_with_the_declaration_replaces_the_alerts() -> None:
    ada = commander("Ada")
    incident = make_paged(ada)

    do(incident, "declarations", ada, T0 + minutes(1), severity=1, symptom="x", title="Payments are down")

    assert incident.title == "Payments are down"

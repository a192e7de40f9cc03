"""Texts to audiences: whole, on time, each naming the next; and what meets which clock."""

from datetime import timedelta

import pytest

from comms.models import Message, State, Update
from incidentdesk.kernel.errors import Invalid, NotAllowed, Refused
from incidentdesk.kernel.stamps import stamp
from incidents import lifecycle
from incidents.models import Incident
from incidents.protocol import Reading, read
from incidents.record import protocol_of
from people.models import User
from tests.factories import T0, commander, do, make_client, make_incident, make_service, make_user, minutes
from tests.people.factories import make_team

pytestmark = pytest.mark.django_db


def crew(**fields: object) -> tuple[Incident, User, User]:
    """An incident with IC and Comms Lead."""
    sarah, jordan = commander("Sarah"), make_user("Jordan", roles=("comms",))
    incident = make_incident(by=sarah, **fields)  # type: ignore[arg-type]  # passed on as they are
    do(incident, "seats", sarah, T0, role="ic")
    do(incident, "seats", sarah, T0, role="comms", person=jordan.uid)
    return incident, sarah, jordan


def readings(incident: Incident, clock: str, after: float) -> list[Reading]:
    """All occurrences of one clock."""
    found = read(protocol_of(incident.protocol_id), incident.state, T0 + minutes(after))
    return [reading for reading in found if reading.clock == clock]


@pytest.mark.ledger("CLK-13", "CLK-15")
def test_a_sent_update_restarts_its_clock_and_names_the_next_time() -> None:
    incident, _, jordan = crew()

    answer = do(incident, "updates", jordan, T0 + minutes(14), audiences=["responders"], impact="writes fail")

    first, second = readings(incident, "update.responders", 15)
    assert (first.word, first.due) == ("met", stamp(T0 + minutes(15)))
    assert (second.word, second.due) == ("running", stamp(T0 + minutes(29)))
    assert "Next by 07:16 UTC" in answer.sentence
    assert "Next update: by 07:16 UTC" in Update.objects.get().texts.get().body


@pytest.mark.ledger("CLK-15", "COM-05")
def test_the_next_time_cannot_be_later_than_the_cadence_and_a_sooner_promise_becomes_the_clock() -> None:
    incident, _, jordan = crew(clients=[make_client().slug])

    with pytest.raises(Refused) as late:
        do(
            incident,
            "updates",
            jordan,
            T0 + minutes(5),
            audiences=["clients"],
            impact="x",
            next_at=T0 + minutes(21),
        )
    do(
        incident,
        "updates",
        jordan,
        T0 + minutes(5),
        audiences=["clients"],
        impact="x",
        next_at=T0 + minutes(10),
    )

    assert late.value.blocks[0].id == "CLK-15"
    assert not Update.objects.filter(number=2).exists()
    assert readings(incident, "update.clients", 6)[-1].due == stamp(T0 + minutes(10))


@pytest.mark.ledger("CLK-06", "CLK-08")
def test_a_public_text_meets_client_notice_and_status_post_and_counts_for_clients_and_responders() -> None:
    incident, _, jordan = crew()

    do(incident, "updates", jordan, T0 + minutes(3), audiences=["public"], impact="payments fail")

    assert readings(incident, "client_notice", 4)[-1].word == "met"
    assert readings(incident, "status_page", 4)[-1].word == "met"
    for clock in ("update.responders", "update.clients", "update.public"):
        assert readings(incident, clock, 4)[-1].due == stamp(T0 + minutes(18))


@pytest.mark.ledger("CLK-14")
def test_executives_have_a_clock_of_their_own_that_only_a_text_to_them_meets() -> None:
    incident, _, jordan = crew()

    do(incident, "updates", jordan, T0 + minutes(3), audiences=["public"], impact="x")
    assert readings(incident, "executive", 4)[-1].due == stamp(T0 + minutes(15))
    do(incident, "updates", jordan, T0 + minutes(8), audiences=["executives"], impact="x")

    assert readings(incident, "executive", 9)[-1].due == stamp(T0 + minutes(23))


def test_a_text_that_only_counts_never_moves_a_promised_time_later() -> None:
    incident, _, jordan = crew(clients=[make_client().slug])
    do(
        incident,
        "updates",
        jordan,
        T0 + minutes(2),
        audiences=["clients"],
        impact="x",
        next_at=T0 + minutes(9),
    )

    do(incident, "updates", jordan, T0 + minutes(5), audiences=["public"], impact="x")

    assert readings(incident, "update.clients", 6)[-1].due == stamp(T0 + minutes(9))


@pytest.mark.ledger("COM-03")
def test_no_change_is_a_full_update_again_with_its_new_time() -> None:
    incident, _, jordan = crew(clients=[make_client().slug])
    do(incident, "updates", jordan, T0 + minutes(3), audiences=["clients"], impact="payments fail")

    do(incident, "updates", jordan, T0 + minutes(17), kind="no-change", audiences=["clients"])

    body = Update.objects.get(number=2).texts.get().body
    assert "payments fail" in body
    assert "no change since 06:50 UTC" in body
    assert "Next update: by 07:19 UTC" in body
    assert readings(incident, "update.clients", 18)[-1].due == stamp(T0 + minutes(32))


def body_of(incident: Incident, number: int, audience: str) -> str:
    """One text as it was sent."""
    return Update.objects.get(incident=incident, number=number).texts.get(audience=audience).body


@pytest.mark.ledger("COM-03", "COM-18")
def test_no_change_keeps_a_text_that_was_written_by_hand_and_brings_back_nothing_that_was_cut() -> None:
    incident, _, jordan = crew()
    own = (
        "Status: Under investigation\n\nPayments are slow. The card network ends its maintenance at 07:05 UTC.\n\n"
        "Next update: by 07:05 UTC, or on the phone."
    )
    do(incident, "updates", jordan, T0 + minutes(3), audiences=["clients", "public"], impact="Bob's node fails",
       text_clients=own, text_public="Payments are slow.")  # fmt: skip

    do(incident, "updates", jordan, T0 + minutes(17), kind="no-change", audiences=["clients", "public"])
    do(incident, "updates", jordan, T0 + minutes(30), kind="no-change", audiences=["clients", "public"])

    assert body_of(incident, 3, "clients") == (
        "Status: Under investigation (no change since 06:50 UTC)\n\n"
        "Payments are slow. The card network ends its maintenance at 07:05 UTC.\n\n"
        "Next update: by 07:32 UTC, or on the phone."
    )
    assert body_of(incident, 3, "public").split("\n\n") == [
        "Payments are slow.",
        "No change since 06:50 UTC.",
        "Next update: by 07:32 UTC, or sooner if the status changes.",
    ]
    assert "Bob" not in body_of(incident, 2, "clients") + body_of(incident, 2, "public")


@pytest.mark.ledger("COM-03", "COM-07")
def test_no_change_repeats_to_each_audience_what_it_was_told_and_nothing_that_another_was() -> None:
    incident, _, jordan = crew()
    do(incident, "updates", jordan, T0 + minutes(3), audiences=["clients"], impact="Payments are slow.")
    do(incident, "updates", jordan, T0 + minutes(5), audiences=["responders"], impact="Bob dropped a table.")

    answer = do(
        incident, "updates", jordan, T0 + minutes(14), kind="no-change", audiences=["clients", "responders", "public"]
    )  # fmt: skip

    assert "Payments are slow." in body_of(incident, 3, "clients")
    assert "no change since 06:50 UTC" in body_of(incident, 3, "clients")
    assert "Bob" not in body_of(incident, 3, "clients")
    assert "Bob dropped a table." in body_of(incident, 3, "responders")
    assert "no change since 06:52 UTC" in body_of(incident, 3, "responders")
    assert "Not to public: nothing was sent to them yet." in answer.sentence
    assert incident.entries.filter(kind="update.sent").latest("seq").payload["to"] == [
        "clients",
        "responders",
    ]


@pytest.mark.ledger("COM-03", "COM-06", "COM-13")
def test_no_change_is_refused_once_the_status_has_moved_from_what_the_audience_was_told() -> None:
    incident, sarah, jordan = crew()
    do(incident, "updates", jordan, T0 + minutes(3), audiences=["public"], impact="Payments are slow.")
    do(incident, "impact-ends", sarah, T0 + minutes(5))
    do(incident, "moves", sarah, T0 + minutes(5), to="monitoring", note="it healed itself")

    with pytest.raises(Invalid, match=r"Under investigation.*Being watched after a fix.*Write the update"):
        do(incident, "updates", jordan, T0 + minutes(14), kind="no-change", audiences=["public"])
    do(incident, "updates", jordan, T0 + minutes(15), audiences=["public"], impact="Payments work.")
    do(incident, "updates", jordan, T0 + minutes(29), kind="no-change", audiences=["public"])

    assert Update.objects.count() == 3
    assert "Being watched after a fix (no change since 07:02 UTC)" in body_of(incident, 3, "public")


def test_no_change_repeats_the_status_that_its_writer_chose_while_the_incident_stands_where_it_stood() -> (
    None
):
    incident, _, jordan = crew()
    do(incident, "updates", jordan, T0 + minutes(3), audiences=["public"], impact="x", status="mitigating")

    do(incident, "updates", jordan, T0 + minutes(14), kind="no-change", audiences=["public"])

    assert "Status: A fix is being applied (no change since 06:50 UTC)" in body_of(incident, 2, "public")


def test_no_change_tells_each_audience_its_own_status_and_the_update_that_of_the_incident() -> None:
    bank = make_client("Bank", webhook_url="https://bank.example/in")
    incident, _, jordan = crew(clients=[bank.slug])
    do(
        incident,
        "updates",
        jordan,
        T0 + minutes(3),
        audiences=["responders"],
        impact="x",
        status="identified",
    )
    do(incident, "updates", jordan, T0 + minutes(4), audiences=["clients"], impact="x", status="mitigating")

    do(incident, "updates", jordan, T0 + minutes(14), kind="no-change", audiences=["responders", "clients"])

    notice = Message.objects.get(channel="webhook", text__update__number=3)
    assert "Status: A fix is being applied" in body_of(incident, 3, "clients")
    assert notice.payload["data"]["status"] == "mitigating"
    assert Update.objects.get(number=3).status == incident.status == "investigating"


@pytest.mark.ledger("COM-35")
def test_an_update_says_to_whom_it_goes_and_what_is_only_kept() -> None:
    incident, _, jordan = crew()

    mixed = do(incident, "updates", jordan, T0 + minutes(3), audiences=["responders", "clients"], impact="x")
    kept = do(incident, "updates", jordan, T0 + minutes(5), audiences=["clients", "public"], impact="x")

    assert mixed.sentence == (
        "Update 1 is on its way to responders. Nobody is named among clients to get it: their text is kept here. "
        "The update clock of clients runs on. Next by 07:05 UTC."
    )
    assert "on its way" not in kept.sentence
    assert kept.sentence.startswith("Update 2 is kept here. Nobody is named among clients to get it")
    assert "The public text is kept here." in kept.sentence


@pytest.mark.ledger("CLK-06", "CLK-13")
def test_a_text_to_clients_counts_once_one_of_them_can_get_it() -> None:
    incident, _, jordan = crew()
    do(incident, "updates", jordan, T0 + minutes(3), audiences=["clients"], impact="x")
    assert readings(incident, "client_notice", 4)[-1].word == "running"
    incident.clients.add(make_client())

    do(incident, "updates", jordan, T0 + minutes(4), audiences=["clients"], impact="x")

    assert readings(incident, "client_notice", 4)[-1].word == "met"
    assert readings(incident, "update.clients", 4)[-1].due == stamp(T0 + minutes(19))


@pytest.mark.ledger("CLK-13", "CLK-14")
def test_responders_executives_and_the_public_read_a_text_on_a_page_so_it_counts_without_a_mail() -> None:
    incident, _, jordan = crew()
    User.objects.update(is_active=False)  # nobody can be mailed

    do(
        incident,
        "updates",
        jordan,
        T0 + minutes(3),
        audiences=["responders", "executives", "public"],
        impact="x",
    )

    assert not Message.objects.filter(text__update__number=1).exists()
    for clock in ("update.responders", "executive", "update.public"):
        assert readings(incident, clock, 4)[-1].due == stamp(T0 + minutes(18))


def test_no_change_without_a_first_update_is_refused_with_what_to_do() -> None:
    incident, _, jordan = crew()

    with pytest.raises(Invalid, match="Write the first one"):
        do(incident, "updates", jordan, T0 + minutes(3), kind="no-change", audiences=["clients"])


@pytest.mark.ledger("COM-35")
def test_everything_sent_is_kept_with_exact_text_audience_time_sender_and_a_message_for_each_recipient() -> (
    None
):
    bank = make_client("Bank", contact_emails=["a@bank.example", "b@bank.example"])
    incident, sarah, jordan = crew(clients=[bank.slug])

    do(
        incident,
        "updates",
        jordan,
        T0 + minutes(3),
        audiences=["clients", "responders"],
        impact="x",
        text_clients="Word for word.",
    )

    update = Update.objects.get()
    assert (update.author, update.sent_at) == (jordan, T0 + minutes(3))
    assert update.texts.get(audience="clients").body.startswith("Word for word.")
    sent = Message.objects.filter(text__update=update)
    assert set(sent.values_list("dest", flat=True)) >= {
        "a@bank.example",
        "b@bank.example",
        sarah.email,
        jordan.email,
    }
    assert set(sent.values_list("state", flat=True)) == {State.PENDING}


@pytest.mark.ledger("TPL-09")
def test_the_internal_text_has_its_fields_in_order() -> None:
    service = make_service(team=make_team("Core", zone="Europe/Berlin"), bridge="https://meet.example/1")
    incident, sarah, jordan = crew(service=service)
    alex = make_user("Alex", roles=("engineer",))
    do(incident, "impact", alex, T0 + minutes(1), users=1200, revenue=15000)
    do(
        incident,
        "changes",
        alex,
        T0 + minutes(2),
        what="roll back",
        target="x",
        why="y",
        effect="z",
        undo="u",
    )

    do(
        incident,
        "updates",
        jordan,
        T0 + minutes(13),
        audiences=["responders"],
        impact="payments fail",
        known="since v3.2.1",
    )

    body = Update.objects.get().texts.get().body
    assert body.startswith("Update 1: Investigating.\n\nSEV-1: Ledger: writes fail\n")
    wanted = [
        "SEV-1: ", "07:00 UTC (08:00 CET), 13 min since detection", "Status: Investigating", "payments fail",
        "1200 users", "What we know:\nsince v3.2.1", "- roll back (proposed) (Alex)",
        "Channel: https://meet.example/1", f"Incident commander: Sarah, {sarah.email}", "Next update: by 07:15 UTC",
    ]  # fmt: skip
    places = [body.find(part) for part in wanted]
    assert -1 not in places, dict(zip(wanted, places, strict=True))
    assert places == sorted(places)
    assert "15000" not in body  # revenue is not for every responder (RBAC-18)


@pytest.mark.ledger("RBAC-18", "COM-22")
def test_stated_revenue_stands_in_the_text_to_executives_alone() -> None:
    incident, sarah, jordan = crew()
    do(incident, "impact", sarah, T0 + minutes(1), users=1_234_567, revenue=15_000_000)

    do(incident, "updates", jordan, T0 + minutes(3), audiences=["responders", "executives", "clients", "public"],
       impact="payments fail")  # fmt: skip

    texts = {text.audience: text.body for text in Update.objects.get().texts.all()}
    assert [name for name, body in texts.items() if "15,000,000 per hour" in body] == ["executives"]
    assert "1234567 users" in texts["responders"]


@pytest.mark.ledger("TPL-11", "TPL-12")
def test_every_text_carries_the_five_part_core_and_an_outside_text_no_internal_word() -> None:
    incident, _, jordan = crew()

    do(incident, "updates", jordan, T0 + minutes(3), audiences=["clients", "public"], impact="Payments fail.",
       known="pg-07 controller died", doing="Alex fails over")  # fmt: skip

    for text in Update.objects.get().texts.all():
        for part in (
            "What: ",
            "Payments fail.",
            "Status: ",
            "Expected end: to be confirmed",
            "Next update: by ",
        ):
            assert part in text.body
        assert "pg-07" not in text.body
        assert "Alex" not in text.body


def test_an_update_without_impact_is_refused_and_nothing_is_sent() -> None:
    incident, _, jordan = crew()

    with pytest.raises(Invalid) as refused:
        do(incident, "updates", jordan, T0 + minutes(3), audiences=["responders"])
    assert "impact" in refused.value.fields
    assert not Update.objects.exists()


def test_a_text_may_not_say_resolved_before_the_incident_is() -> None:
    incident, _, jordan = crew()

    with pytest.raises(Invalid, match="not resolved"):
        do(incident, "updates", jordan, T0 + minutes(3), audiences=["public"], impact="x", status="resolved")


def test_while_the_comms_seat_is_empty_the_ic_sends_and_an_engineer_never() -> None:
    sarah, eng = commander("Sarah"), make_user("Eng", roles=("engineer",))
    incident = make_incident(by=sarah)
    do(incident, "seats", sarah, T0, role="ic")

    with pytest.raises(NotAllowed) as refused:
        do(incident, "updates", eng, T0 + minutes(1), audiences=["clients"], impact="x")
    do(
        incident,
        "updates",
        sarah,
        T0 + minutes(1),
        audiences=["clients", "responders", "executives", "public"],
        impact="x",
    )

    assert refused.value.blocks[0].id == "RBAC-10"
    assert Update.objects.count() == 1


@pytest.mark.ledger("CLK-37")
def test_major_clocks_run_at_night_and_sev_3_waits_for_business_hours() -> None:
    night = T0.replace(hour=2)
    major, minor = make_incident(declared_at=night), make_incident(severity=3, declared_at=night)

    assert major.next_update_at == night + minutes(15)
    monday = night.replace(day=9, hour=9, minute=0)  # 8 March 2026 is a Sunday
    assert minor.next_update_at == monday + timedelta(hours=2)


@pytest.mark.ledger("STAT-07")
def test_a_text_for_people_outside_never_names_the_service_that_stands_for_an_unknown_one() -> None:
    make_team("Core")
    incident, _, jordan = crew(service=lifecycle.unsorted())

    do(
        incident,
        "updates",
        jordan,
        T0 + minutes(3),
        audiences=["public", "responders"],
        impact="Payments fail.",
    )

    public = Update.objects.get().texts.get(audience="public")
    assert "disruption of our service" in public.body
    assert "nsorted" not in public.subject + public.body

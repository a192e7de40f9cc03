"""Whom a page wakes and when: the chain, acknowledging it, pages by hand, the hours of the night."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from comms.models import Message
from desk import tick
from desk.admission import admit_pending
from desk.flows import ACTS
from desk.forms.alerts import PageForm
from incidentdesk.kernel.errors import Invalid, NotAllowed, Refused
from incidentdesk.kernel.stamps import stamp
from incidents.models import Incident, TimelineEntry
from oncall.models import AckLink, Page
from tests.desk.nights import Night, paged
from tests.factories import T0, commander, do, make_incident, make_service, minutes, new_id
from tests.oncall.makers import alert, make_source, receive
from tests.people.factories import make_team, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.ledger("ALR-04")
def test_an_acknowledgement_stops_the_paging_and_names_who_and_when(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)
    tick.sweep(now=T0 + minutes(5))

    night.acknowledge(night.ben, at=T0 + minutes(6))
    tick.sweep(now=T0 + minutes(60))

    page = Page.objects.get(user=night.ben)
    assert (page.acknowledged_by, page.acknowledged_at) == (night.ben, T0 + minutes(6))
    assert paged() == [("Anna", "chain", 1), ("Ben", "chain", 2)]
    assert night.incident.owner == night.ben
    entry = TimelineEntry.objects.get(kind="page.acknowledged")
    assert (entry.author, entry.happened_at, entry.payload["page"]) == (
        night.ben,
        T0 + minutes(6),
        page.number,
    )


@pytest.mark.ledger("ALR-04", "CLK-04")
def test_an_acknowledgement_never_lies_before_its_page_went_out() -> None:
    sarah, eng = commander("Sarah"), make_user("Eng", roles=("engineer",))
    incident = make_incident(by=sarah)
    do(incident, "seats", sarah, T0, role="ic")
    do(incident, "pages", sarah, T0 + minutes(10), person=eng.uid, text="help")
    do(incident, "pages", sarah, T0 + minutes(20), person=eng.uid, text="again")

    with pytest.raises(Invalid) as refusal:
        do(incident, "acknowledgements", eng, T0 + minutes(29), happened_at=T0 + minutes(3))
    do(incident, "acknowledgements", eng, T0 + minutes(29), happened_at=T0 + minutes(14))

    assert "went out at 06:57:00 UTC" in refusal.value.fields["happened_at"]
    acked = [page["acked"] for page in incident.state["pages"].values()]
    assert acked == [stamp(T0 + minutes(14)), stamp(T0 + minutes(20))]


@pytest.mark.ledger("CLK-21")
def test_a_page_nobody_answers_goes_to_the_next_person_every_five_minutes(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)

    tick.sweep(now=T0 + minutes(5) - timedelta(seconds=1))
    before = paged()
    tick.sweep(now=T0 + minutes(5))
    second = paged()
    tick.sweep(now=T0 + minutes(10))

    assert before == [("Anna", "chain", 1)]
    assert second == [("Anna", "chain", 1), ("Ben", "chain", 2)]
    assert paged() == [*second, ("Cleo", "chain", 3)]
    assert Message.objects.filter(priority=0).count() == 3
    assert AckLink.objects.count() == 3


@pytest.mark.ledger("CLK-21", "CLK-29")
def test_on_sev_3_the_second_person_is_the_last_that_is_called(night: Night) -> None:
    at = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)  # Tuesday, 09:00 in Berlin
    night.sends(alert(since=at, sev="3"), at=at)

    for hour in range(1, 30):
        tick.sweep(now=at + timedelta(hours=hour))

    assert paged() == [("Anna", "chain", 1), ("Ben", "chain", 2)]
    assert not night.incident.unanswered


@pytest.mark.ledger("CLK-21")
@pytest.mark.parametrize("sev", ["1", "2"])
def test_after_the_last_person_all_are_called_three_times_ten_minutes_apart_and_then_it_is_red(
    night: Night, sev: str
) -> None:
    night.sends(alert(since=T0, sev=sev), at=T0)
    calls: list[tuple[int, int, bool]] = []

    for minute in range(5, 75, 5):
        tick.sweep(now=T0 + minutes(minute))
        everybody = sum(call == "all" for _, call, _ in paged())
        calls.append((minute, everybody, night.incident.unanswered))

    assert [calls[0], *(now for before, now in pairwise(calls) if now[1:] != before[1:])] == [
        (5, 0, False),
        (20, 3, False),
        (30, 6, False),
        (40, 9, False),
        (50, 9, True),
    ]


def test_doing_anything_on_the_record_acknowledges_the_page_too(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)
    form = ACTS["entries"].form(kind="note", text="Looking.")

    ACTS["entries"](night.incident.pk, form, by=night.anna, request_id=new_id(), now=T0 + minutes(1))

    assert Page.objects.get().acknowledged_by == night.anna
    assert AckLink.objects.get().revoked_at == T0 + minutes(1)


def test_whoever_has_no_page_here_is_told_so(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)

    with pytest.raises(Refused) as refused:
        night.acknowledge(night.cleo, at=T0 + minutes(1))

    assert refused.value.blocks[0].id == "ALR-04"


def test_a_page_is_acknowledged_once(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)
    night.acknowledge(night.anna, at=T0 + minutes(1))

    with pytest.raises(Refused) as refused:
        night.acknowledge(night.anna, at=T0 + minutes(2))

    assert "acknowledged at" in refused.value.sentence


def test_an_alert_that_joins_an_acknowledged_incident_pages_nobody(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)
    night.acknowledge(night.anna, at=T0 + minutes(1))

    night.sends(alert("Lag", since=T0 + minutes(2)), at=T0 + minutes(2))

    assert paged() == [("Anna", "chain", 1)]


def test_an_alert_that_flaps_does_not_keep_the_chain_from_the_next_person(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)
    for minute in (2, 4):
        night.sends(alert(since=T0 + minutes(minute)), at=T0 + minutes(minute))

    tick.sweep(now=T0 + minutes(5))

    assert paged() == [("Anna", "chain", 1), ("Ben", "chain", 2)]


@pytest.mark.ledger("CLK-29")
def test_a_sev3_page_at_night_is_made_at_once_and_sent_at_opening_time(night: Night) -> None:
    at = datetime(2026, 3, 10, 1, 30, tzinfo=UTC)  # Tuesday, 02:30 in Berlin
    opens = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)

    night.sends(alert(since=at, sev="3"), at=at)
    tick.sweep(now=opens + minutes(60) - timedelta(seconds=1))
    waiting = paged()
    tick.sweep(now=opens + minutes(60))

    page = Page.objects.earliest("number")
    assert page.sent_at == opens
    assert Message.objects.earliest("pk").due_at == opens
    assert waiting == [("Anna", "chain", 1)]
    assert paged() == [("Anna", "chain", 1), ("Ben", "chain", 2)]


def test_a_graver_alert_at_night_does_not_wait_for_the_morning(night: Night) -> None:
    at = datetime(2026, 3, 10, 1, 30, tzinfo=UTC)
    night.sends(alert(since=at, sev="3"), at=at)

    night.sends(alert("Worse", since=at, sev="1"), at=at + minutes(1))

    assert night.incident.presumed == 1
    assert list(Page.objects.values_list("sent_at", flat=True))[1] == at + minutes(1)


def test_nobody_on_the_list_is_red_at_once() -> None:
    make_service("Ledger", team=make_team("Nobody"))

    receive(make_source(T0), alert(since=T0))
    admit_pending(now=T0)

    assert Incident.objects.get().unanswered


@pytest.mark.ledger("APP-04")
def test_a_page_by_hand_wakes_one_person_and_has_no_chain(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)
    night.acknowledge(night.anna, at=T0 + minutes(1))

    form = PageForm(person=night.cleo.uid, text="I need an approver.")
    ACTS["pages"](night.incident.pk, form, by=night.anna, request_id=new_id(), now=T0 + minutes(2))
    tick.sweep(now=T0 + minutes(7))

    page = Page.objects.get(user=night.cleo)
    assert (page.call, page.sender) == ("hand", night.anna)
    assert paged() == [("Anna", "chain", 1), ("Cleo", "hand", 0)]
    mail = Message.objects.get(dest=night.cleo.email)
    assert "Anna asks for you. I need an approver." in mail.payload["body"]
    assert Message.objects.filter(dest=night.anna.email).count() > 1, "the sender hears that nobody answered"


def test_a_customer_support_person_may_wake_nobody(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)
    reader = make_user("Vera", roles=("executive",))

    with pytest.raises(NotAllowed):
        ACTS["pages"](
            night.incident.pk,
            PageForm(person=night.ben.uid),
            by=reader,
            request_id=new_id(),
            now=T0 + minutes(1),
        )


def test_a_page_carries_no_secret_at_rest(night: Night) -> None:
    from comms import delivery

    night.sends(alert(since=T0), at=T0)
    message = Message.objects.get()

    sent = delivery.parcel([message], {}, {}).payload["body"]

    address = next(line for line in sent.splitlines() if "/ack/" in line)
    token = address.rstrip("/").rsplit("/", 1)[1]
    stored = f"{message.payload} {AckLink.objects.values().get()}"
    assert len(token) == 43 and token not in stored


@pytest.mark.ledger("CLK-37", "CLK-21")
def test_the_next_page_of_a_sev_3_waits_for_the_morning_where_the_tick_was_away_until_the_evening(
    night: Night,
) -> None:
    noon = datetime(
        2026, 3, 10, 14, 30, tzinfo=UTC
    )  # 15:30 of a Tuesday in Berlin; the next page is due at 16:30
    night.sends(alert(since=noon, sev="3"), at=noon)

    tick.sweep(now=noon + timedelta(hours=4))

    second = Page.objects.get(number=2)
    assert (second.user, second.sent_at) == (night.ben, datetime(2026, 3, 11, 8, 0, tzinfo=UTC))
    assert Message.objects.get(dest=night.ben.email).due_at == second.sent_at
    assert night.incident.state["clocks"]["response/2"]["now"]["due"] == stamp(
        second.sent_at + timedelta(hours=1)
    )


@pytest.mark.ledger("CLK-04", "CLK-16")
def test_who_does_not_answer_a_page_hears_of_it_and_two_minutes_later_the_commander(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)
    dan = commander("Dan")
    do(night.incident, "seats", dan, T0 + minutes(1), role="ic")

    tick.sweep(now=T0 + minutes(7))

    steps = TimelineEntry.objects.filter(
        kind="clock.step", payload__clock="ack", payload__subject="1"
    ).order_by("seq")
    assert [(row.payload["step"], row.payload["to"]) for row in steps] == [
        ("overdue", [night.anna.pk]),
        ("overdue_ic", [dan.pk]),
    ]
    mailed = Message.objects.exclude(channel="webhook").values_list("dest", flat=True)
    assert {night.anna.email, dan.email} <= set(mailed)

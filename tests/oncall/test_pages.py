"""Pages: their numbers, their hour, and the links that end with them."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction

from comms.models import Message
from incidents import record as records
from incidents.protocol import Draft, empty
from oncall import pages
from oncall.models import AckLink, Page
from tests.factories import T0, make_paged, minutes
from tests.people.factories import make_user

NIGHT = datetime(2026, 3, 10, 1, 30, tzinfo=UTC)
OPENS = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)
FRIDAY_EVENING = datetime(2026, 3, 13, 17, 0, tzinfo=UTC)
MONDAY = datetime(2026, 3, 16, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("severity", "now", "sent"),
    [(1, NIGHT, NIGHT), (2, NIGHT, NIGHT), (3, NIGHT, OPENS), (3, OPENS, OPENS), (3, FRIDAY_EVENING, MONDAY)],
)
def test_only_a_sev3_page_waits_for_working_hours(severity: int, now: datetime, sent: datetime) -> None:
    state = empty()
    hours = {"from": "09:00", "to": "17:00", "holidays": []}
    state.update({"presumed": severity, "zone": "Europe/Berlin", "business": hours})

    assert pages.goes_out(state, now=now) == sent


@pytest.mark.django_db
def test_one_call_of_several_people_is_a_page_a_link_and_a_mail_each() -> None:
    anna, ben = make_user("Anna"), make_user("Ben")
    incident = make_paged(anna, ben)
    before = Message.objects.count()
    record = records.load(incident.pk, now=T0)

    numbers = pages.numbered(record.state, [anna.pk, ben.pk, anna.pk])
    planned = pages.plan(record.id, record.uid, record.key, record.title, numbers, "all", 2, now=T0)
    messages = pages.store([planned], now=T0)

    assert [number for number, _ in numbers] == [2, 3]
    assert [message.dest for message in messages] == [anna.email, ben.email] and planned.messages == messages
    assert list(Page.objects.filter(call="all").values_list("number", "user")) == list(numbers)
    assert len(set(AckLink.objects.values_list("digest", flat=True))) == 3
    assert Message.objects.count() == before, "the caller puts them into the outbox with all the rest"


@pytest.mark.django_db
def test_people_who_cannot_be_mailed_have_a_page_and_hold_up_nothing() -> None:
    anna = make_user("Anna")
    incident = make_paged(anna)
    anna.is_active = False
    anna.save()
    record = records.load(incident.pk, now=T0)

    planned = pages.plan(record.id, record.uid, record.key, record.title, [(2, anna.pk)], "all", 2, now=T0)

    assert pages.store([planned], now=T0) == []
    assert Page.objects.filter(number=2).exists()


@pytest.mark.django_db
def test_an_acknowledged_page_keeps_who_and_when_and_its_link_is_dead() -> None:
    anna = make_user("Anna")
    incident = make_paged(anna)
    record = records.load(incident.pk, now=T0 + minutes(2))
    record.add(Draft("page.acknowledged", {"page": 1}, by=anna.pk))

    pages.settle([record])

    page, link = Page.objects.get(), AckLink.objects.get()
    assert (page.acknowledged_by, page.acknowledged_at) == (anna, T0 + minutes(2))
    assert link.revoked_at == T0 + minutes(2)
    assert not pages.is_live(link, now=T0 + minutes(3))


@pytest.mark.django_db
def test_a_link_is_used_by_one_alone() -> None:
    make_paged(make_user("Anna"))
    link = AckLink.objects.get()

    assert pages.use(link, now=T0 + minutes(1))
    assert not pages.use(link, now=T0 + minutes(1))


@pytest.mark.django_db
def test_no_link_can_be_stored_that_lives_longer_than_72_hours() -> None:
    make_paged(make_user("Anna"))
    link = AckLink.objects.get()

    with pytest.raises(IntegrityError), transaction.atomic():
        AckLink.objects.update(expires_at=link.created_at + pages.LINK_LIFE + minutes(1))

"""A page of SEV-3 that waits for working hours: answered, it is never sent; when the severity rises, it goes at once."""

from datetime import UTC, datetime

import pytest
from django.db import transaction

from comms import outbox
from comms.models import Message, Priority
from incidentdesk.kernel.stamps import stamp
from incidents import lifecycle
from incidents import record as records
from incidents.models import Incident
from incidents.protocol import Draft
from oncall import pages
from people.models import User
from tests.factories import commander, do, make_service, minutes
from tests.people.factories import make_team

pytestmark = pytest.mark.django_db
NIGHT = datetime(2026, 3, 10, 2, tzinfo=UTC)  # a Tuesday
OPENING = NIGHT.replace(hour=9)


@pytest.fixture
def paged() -> tuple[Incident, User]:
    """An incident of presumed SEV-3 at night: its page is made at once and sent at opening time."""
    ada = commander("Ada")
    service = make_service(team=make_team("Core", people=[ada]))
    with transaction.atomic():
        wanted = lifecycle.Opening(
            title="Slow", services=[service], alert_fired_at=NIGHT, source="alert", presumed=3
        )
        record = lifecycle.open_record(wanted, by=None, now=NIGHT)
        payload = {"pages": [[1, ada.pk]], "call": "chain", "level": 1, "at": stamp(OPENING)}
        record.add(Draft("page.sent", payload))
        records.save([record], now=NIGHT)
        planned = pages.plan(
            record.id, record.uid, record.key, "Slow", [(1, ada.pk)], "chain", 1, now=NIGHT, at=OPENING
        )
        outbox.put(pages.store([planned], now=NIGHT), now=NIGHT)
    return Incident.objects.get(pk=record.id), ada


def waiting() -> list[datetime]:
    """When the page mails that wait go out."""
    return list(Message.objects.filter(priority=Priority.PAGE).values_list("due_at", flat=True))


def test_it_waits_for_opening_time(paged: tuple[Incident, User]) -> None:
    assert waiting() == [OPENING]


def test_answered_before_it_was_sent_it_is_never_sent(paged: tuple[Incident, User]) -> None:
    incident, ada = paged

    do(incident, "acknowledgements", ada, NIGHT + minutes(5))

    assert waiting() == []


def test_when_the_severity_rises_it_goes_at_once(paged: tuple[Incident, User]) -> None:
    incident, _ = paged

    do(
        incident,
        "declarations",
        commander("Other"),
        NIGHT + minutes(5),
        severity=1,
        symptom="all payments fail",
    )

    assert waiting() == [NIGHT + minutes(5)]


def test_what_was_tried_already_is_not_taken_back(paged: tuple[Incident, User]) -> None:
    Message.objects.update(attempt=1)

    assert outbox.recall(list(Message.objects.values_list("dedupe_key", flat=True))) == 0


def test_the_row_of_a_page_says_when_it_went_out_after_the_rise(paged: tuple[Incident, User]) -> None:
    incident, _ = paged

    do(
        incident,
        "declarations",
        commander("Other"),
        NIGHT + minutes(5),
        severity=1,
        symptom="all payments fail",
    )

    assert list(incident.pages.values_list("sent_at", flat=True)) == [NIGHT + minutes(5)]

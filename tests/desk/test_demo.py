"""The demonstration: a fintech with people, services, clients and a past that the real flows made."""

from datetime import UTC, datetime

import pytest

from comms.models import Message
from desk import demo
from incidents.models import Client, Incident, Service
from incidents.verify import verify
from people.models import Team, User

NOW = datetime(2026, 3, 20, 10, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def test_the_demonstration_has_its_cast_catalogue_and_three_verified_past_incidents() -> None:
    assert demo.fill(now=NOW)

    assert (Team.objects.count(), Service.objects.count(), Client.objects.count()) == (4, 8, 5)
    assert 12 <= User.objects.filter(is_demo=True).count() <= 13
    assert Service.objects.filter(critical_path=True).count() == 4
    past = list(Incident.objects.order_by("opened_at"))
    assert [incident.status for incident in past] == ["closed", "closed", "resolved"]
    assert [verify(incident) for incident in past] == [None, None, None]
    assert set(Message.objects.values_list("state", flat=True)) == {"simulated"}


def test_filling_it_twice_changes_nothing() -> None:
    demo.fill(now=NOW)
    before = (User.objects.count(), Incident.objects.count(), Message.objects.count())

    assert not demo.fill(now=NOW)

    assert (User.objects.count(), Incident.objects.count(), Message.objects.count()) == before

"""Housekeeping: what may go, and when."""

from datetime import timedelta

import pytest

from desk import rounds
from desk.models import Idempotency
from tests.factories import T0, commander, do, make_incident

pytestmark = pytest.mark.django_db


def test_answers_to_request_ids_are_kept_for_the_seven_days_that_the_api_promises() -> None:
    ic = commander()
    incident = make_incident(by=ic)
    do(incident, "seats", ic, T0 + timedelta(minutes=1), role="ic")
    Idempotency.objects.update(at=T0)

    rounds.keep_house(now=T0 + timedelta(days=7))
    kept = Idempotency.objects.exists()
    rounds.keep_house(now=T0 + timedelta(days=7, seconds=1))

    assert kept
    assert not Idempotency.objects.exists()

"""Housekeeping: what may go, and when."""

from datetime import timedelta

import pytest

from desk import auditor, ending_tokens, heartbeats, rounds
from desk.models import Idempotency
from people import audit
from people.models import AuditLink
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


def test_a_part_of_housekeeping_that_fails_leaves_the_others_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> int:
        raise ValueError("no mail can be made")

    monkeypatch.setattr(ending_tokens, "tell", broken)
    audit.record(audit.Event.COMMAND, by=None, about="x", now=T0)
    ic = commander()
    do(make_incident(by=ic), "seats", ic, T0 + timedelta(minutes=1), role="ic")
    Idempotency.objects.update(at=T0)

    rounds.keep_house(now=T0 + timedelta(days=8))

    assert AuditLink.objects.exists() and not Idempotency.objects.exists()


def test_the_last_good_check_is_remembered_however_long_ago_it_was() -> None:
    """Or administrators would hear a second time of a fault that lasts for a day."""
    for name in (auditor.PASSED, heartbeats.TICK, heartbeats.worker()):
        heartbeats.beat(name, now=T0)

    rounds.keep_house(now=T0 + timedelta(days=2))

    assert heartbeats.last(auditor.PASSED) == heartbeats.last(heartbeats.TICK) == T0
    assert heartbeats.last(heartbeats.worker()) is None

"""Administrators hear once that beat is silent (F3)."""

from datetime import UTC, datetime, timedelta

import pytest

from comms.models import Message
from desk import heartbeats, silence
from people.models import User
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 14, 2, 47, tzinfo=UTC)
AFTER = timedelta(seconds=15)
LONG_AGO = NOW - timedelta(hours=9)


def tell(seconds: float, *, since: datetime = LONG_AGO) -> int:
    return silence.tell(now=NOW + timedelta(seconds=seconds), since=since, after=AFTER)


def test_every_administrator_hears_of_a_silence_once_and_of_the_next_one_again() -> None:
    make_user("Ada", roles=["admin"], email="ada@desk.example")
    make_user("Ines", roles=["admin", "engineer"], email="ines@desk.example")
    make_user("Omar", roles=["engineer"], email="omar@desk.example")
    gone = make_user("Gone", roles=["admin"], email="gone@desk.example")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    heartbeats.beat(heartbeats.BEAT, now=NOW)

    assert tell(14.9) == 0
    assert tell(15) == 2
    assert tell(16) == 0
    heartbeats.beat(heartbeats.BEAT, now=NOW + timedelta(seconds=60))
    assert tell(61) == 0
    assert tell(75) == 2

    mails = Message.objects.order_by("pk")
    assert {mail.dest for mail in mails} == {"ada@desk.example", "ines@desk.example"}
    assert "since 2026-03-14 02:47:00 UTC" in mails[0].payload["body"]


def test_a_desk_that_was_off_all_night_has_not_lost_its_beat() -> None:
    make_user("Ada", roles=["admin"], email="ada@desk.example")
    heartbeats.beat(heartbeats.BEAT, now=LONG_AGO)

    assert tell(1, since=NOW) == 0
    assert tell(15, since=NOW) == 1


def test_a_desk_whose_beat_has_never_rung_is_only_starting() -> None:
    make_user("Ada", roles=["admin"], email="ada@desk.example")

    assert tell(3600) == 0

"""Administrators hear once that beat is silent (F3)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from comms.models import Message
from desk import heartbeats, rounds, silence
from desk.management.commands.keeper import Command
from incidentdesk.kernel import clock
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


def test_a_beat_that_has_never_rung_is_told_as_well() -> None:
    make_user("Ada", roles=["admin"], email="ada@desk.example")

    assert tell(3, since=NOW) == 0
    assert tell(15, since=NOW) == 1
    assert tell(16, since=NOW) == 0


def test_a_keeper_counts_from_when_it_had_to_step_in_not_from_an_outage_before(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was away for a minute, beat was well: the last ring is old, and nobody is to be alarmed."""
    settings.KEEPER_GRACE_SECONDS = 1.0
    monkeypatch.setattr(
        Command, "_deliver", lambda keeper: None
    )  # what is in the outbox is to be counted here
    make_user("Ada", roles=["admin"], email="ada@desk.example")
    keeper, watch = Command(), rounds.Watch(grace=1, interval=1)
    now = clock.now()
    heartbeats.beat(heartbeats.TICK, now=now - timedelta(minutes=1))
    heartbeats.beat(heartbeats.BEAT, now=now - timedelta(minutes=1))

    keeper._look(watch)
    heartbeats.beat(heartbeats.TICK, now=clock.now() + timedelta(seconds=1))  # somebody else ticks again
    keeper._look(watch)

    assert not Message.objects.exists()
    assert keeper._since is None

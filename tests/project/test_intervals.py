"""Every interval of the environment changes what the desk does: from the variable's name to the behaviour."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as current
from django.test import RequestFactory

from comms import outbox
from comms.channels import Outcome, Result
from comms.models import Message, Way
from desk import auditor, hearing, heartbeats, rounds, tick
from desk.management.commands.keeper import Command
from desk.models import Heartbeat
from incidentdesk.beat import Steady
from incidentdesk.celery import app
from incidentdesk.kernel.page import page
from incidents.models import Deadline
from tests.comms import makers
from tests.factories import make_incident

SOURCE = (Path(__file__).resolve().parents[2] / "incidentdesk" / "settings.py").read_text()
NAMES = re.findall(r'env\.number\("([A-Z_]+_SECONDS)"', SOURCE)
NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)


def beats(entry: str) -> Callable[[float], object]:
    """How often beat rings `entry`, asked of Celery itself in a process started with the variable set."""

    def ask(seconds: float) -> object:
        name = {"tick": "TICK", "deliver": "DELIVER", "housekeeping": "HOUSEKEEPING"}[entry]
        code = f"from incidentdesk.celery import app; print(app.conf.beat_schedule['{entry}']['schedule'])"
        return subprocess.run(
            [sys.executable, "-c", code],
            env={
                **os.environ,
                f"{name}_SECONDS": str(seconds),
                "DJANGO_SETTINGS_MODULE": "incidentdesk.settings",
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    return ask


def the_keeper_steps_in(seconds: float) -> object:
    watch = rounds.Watch(grace=seconds, interval=1)
    return [watch.is_due(last=NOW, now=NOW + timedelta(seconds=after)) for after in (2, 4, 8)]


def the_keeper_beats(seconds: float) -> object:
    Heartbeat.objects.all().delete()
    now, watch = datetime.now(UTC), rounds.Watch(grace=3600, interval=3600)
    heartbeats.beat(heartbeats.TICK, now=now)
    heartbeats.beat("keeper", now=now - timedelta(seconds=4))
    Command()._look(watch)
    last = heartbeats.last("keeper")
    assert last is not None
    return last > now - timedelta(seconds=3)


def a_lease_lasts(seconds: float) -> object:
    Message.objects.all().delete()
    makers.put(makers.mail("interval"), now=NOW)
    (leased,) = outbox.claim(limit=1, now=NOW, lease=timedelta(seconds=current.OUTBOX_LEASE))
    return leased.lease_until


def a_persons_next_page_waits(seconds: float) -> object:
    Message.objects.all().delete()
    Way.objects.all().delete()
    for key, after in (("first", 0.0), ("second", 4.0)):
        makers.put(replace(makers.mail(key), bundles=True), now=NOW)
        claimed = outbox.claim(limit=9, now=NOW + timedelta(seconds=after), lease=timedelta(seconds=30))
        outbox.settle_many([(message, Outcome(Result.SENT)) for message in claimed], now=NOW)
    return len(claimed)


def pages_are_told(name: str) -> Callable[[float], object]:
    def ask(seconds: float) -> object:
        return page(RequestFactory().get("/"))[name]

    return ask


def a_protocol_minute_lasts(seconds: float) -> object:
    incident = make_incident()
    due = incident.deadlines.order_by("due_at").first()
    assert due is not None
    return due.due_at - incident.opened_at


def a_deadline_is_late(seconds: float) -> object:
    make_incident(declared_at=NOW)
    due = Deadline.objects.earliest("due_at").due_at
    return [fault for fault in auditor.faults(now=due + timedelta(seconds=4)) if "deadline" in fault]


BEHAVIOUR: dict[str, Callable[[float], object]] = {
    "TICK_SECONDS": beats("tick"),
    "DELIVER_SECONDS": beats("deliver"),
    "HOUSEKEEPING_SECONDS": beats("housekeeping"),
    "KEEPER_GRACE_SECONDS": the_keeper_steps_in,
    "HEARTBEAT_SECONDS": the_keeper_beats,
    "LEASE_SECONDS": a_lease_lasts,
    "PAGE_SECONDS": a_persons_next_page_waits,
    "POLL_SECONDS": pages_are_told("poll_ms"),
    "HIDDEN_POLL_SECONDS": pages_are_told("hidden_poll_ms"),
    "STALE_SECONDS": pages_are_told("stale_ms"),
    "AUDIT_SECONDS": a_deadline_is_late,
    "WORKER_DEAF_SECONDS": lambda _: hearing.patience(),
    "MINUTE_SECONDS": a_protocol_minute_lasts,
}
ALSO = {"LEASE_SECONDS": ("OUTBOX_LEASE",)}


@pytest.mark.django_db
@pytest.mark.parametrize("name", NAMES)
def test_an_interval_changes_what_the_desk_does(name: str, settings: Any) -> None:
    seen = []
    for seconds in (3.0, 6.0):
        for setting in (name, *ALSO.get(name, ())):
            setattr(settings, setting, seconds)
        seen.append(BEHAVIOUR[name](seconds))

    assert seen[0] != seen[1]


def test_every_interval_in_the_environment_reaches_its_setting() -> None:
    code = f"from django.conf import settings as s; print([getattr(s, n) for n in {NAMES!r}])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **dict.fromkeys(NAMES, "7.5"), "DJANGO_SETTINGS_MODULE": "incidentdesk.settings"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == str([7.5] * len(NAMES))


@pytest.mark.django_db
def test_a_tick_waits_inside_its_interval_and_no_longer() -> None:
    began = time.monotonic()

    rounds.ring(now=datetime.now(UTC), seconds=0.2)

    assert time.monotonic() - began < 1
    assert tick.last_at() is not None


def test_beat_sleeps_until_the_very_instant_of_a_ring() -> None:
    assert Steady(app=app, lazy=True).adjust(0.004) == 0.004


def test_the_keeper_goes_on_each_interval_until_somebody_else_has_ticked() -> None:
    watch = rounds.Watch(grace=5, interval=1)
    assert not watch.is_due(last=NOW, now=NOW + timedelta(seconds=4.9))
    assert watch.is_due(last=NOW, now=NOW + timedelta(seconds=5))

    mine = NOW + timedelta(seconds=5)
    watch.ticked(mine)

    assert watch.is_due(last=mine, now=mine + timedelta(seconds=1))
    assert not watch.is_due(last=mine + timedelta(seconds=1), now=mine + timedelta(seconds=2))


def test_the_keeper_ticks_at_once_when_it_hears_that_a_process_that_ticks_has_died() -> None:
    watch = rounds.Watch(grace=5, interval=1)
    watch.alarm()
    assert watch.is_due(last=NOW, now=NOW)

    watch.ticked(NOW)

    assert not watch.is_due(last=NOW + timedelta(seconds=1), now=NOW + timedelta(seconds=2))


def test_a_desk_that_never_ticked_is_taken_up_at_once() -> None:
    assert rounds.Watch(grace=5, interval=1).is_due(last=None, now=NOW)

"""A held desk sends nothing and fires nothing, says so everywhere, and goes on as the administrator chooses."""

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from comms import delivery
from comms.channels import Outcome, Parcel, Result
from comms.models import Channel, Message
from desk import auditor, readiness, tick
from desk.health import reading
from incidentdesk.kernel import clock
from incidents.models import Deadline, Incident, Installation, TimelineEntry
from oncall.models import Alert
from people import accounts
from people.models import AuditEntry
from tests.comms.makers import mail, put
from tests.desk.doors import signed_in
from tests.factories import make_incident, make_service, minutes
from tests.oncall.makers import alert, make_source, receive
from tests.people.factories import make_team, make_user

pytestmark = pytest.mark.django_db
WHY = "It was restored into a new database."


@pytest.fixture
def now() -> datetime:
    return clock.now()


@pytest.fixture
def held(now: datetime) -> Incident:
    """A restored copy: a mail of two hours ago and one of a minute ago, and an incident with clocks long overdue."""
    readiness.forget()
    incident = make_incident(declared_at=now - timedelta(hours=2), severity=2)
    Message.objects.all().delete()
    put(mail("old"), now=now - timedelta(hours=2))
    put(mail("young"), now=now - minutes(1))
    Installation.objects.create(mark="{}", seen_at=now, held_since=now, why=WHY)
    return incident


def deliver(now: datetime) -> list[str]:
    """The subjects of what leaves at `now`."""
    gone: list[str] = []

    def send(parcel: Parcel, _: datetime) -> Outcome:
        gone.append(str(parcel.payload["subject"]))
        return Outcome(Result.SENT)

    delivery.deliver(lambda: now, senders={Channel.EMAIL: send})
    return gone


def states() -> dict[str, str]:
    return dict(Message.objects.values_list("dedupe_key", "state"))


def steps(incident: Incident) -> int:
    return TimelineEntry.objects.filter(incident=incident, kind="clock.step").count()


def resume(*options: str) -> str:
    out = StringIO()
    call_command("resume", *options, stdout=out)
    return out.getvalue()


def test_while_it_is_held_nothing_leaves_and_no_deadline_fires(now: datetime, held: Incident) -> None:
    fired = tick.run(now=now, until=now)

    assert fired == 0
    assert deliver(now) == []
    assert steps(held) == 0
    assert set(states().values()) == {"pending"}


def test_every_page_readiness_and_the_pulse_say_so(now: datetime, held: Incident) -> None:
    browser = signed_in(make_user("Ada", roles=["admin", "engineer"]))
    pages = [
        browser.get(address).content.decode()
        for address in ("/", "/incidents/", f"/incidents/{held.key}/", "/declare/", "/account/")
    ]
    pages.append(Client().get("/sign-in/").content.decode())
    ready = Client().get("/readyz")

    assert all(WHY in page and "manage.py resume" in page for page in pages)
    assert ready.status_code == 503
    assert ready.content.decode().startswith(readiness.HELD) and WHY in ready.content.decode()
    assert WHY in reading(now=now)["faults"][0]
    assert auditor.faults(now=now) == reading(now=now)["faults"]


def test_what_people_do_meanwhile_is_recorded_and_an_alert_is_stored(now: datetime, held: Incident) -> None:
    before = held.seq

    make_incident(declared_at=now)

    assert Incident.objects.count() == 2
    held.refresh_from_db()
    assert held.seq == before


def test_dropping_keeps_every_message_here_and_fires_without_a_word(now: datetime, held: Incident) -> None:
    said = resume("--drop")

    assert "2 messages are kept here" in said
    assert set(states().values()) == {"kept"}
    assert steps(held) > 0
    assert not Deadline.objects.filter(state="armed", due_at__lte=now, driven=False).exists()
    assert deliver(clock.now()) == []


def test_what_is_younger_goes_out_and_what_is_older_stays(now: datetime, held: Incident) -> None:
    resume("--send-younger-than", "10")

    by_key = states()
    (old,) = [state for key, state in by_key.items() if "old" in key]
    (young,) = [state for key, state in by_key.items() if "young" in key]
    assert (old, young) == ("kept", "pending")
    assert len(deliver(clock.now())) == 1


def test_afterwards_the_desk_is_like_any_other(now: datetime, held: Incident) -> None:
    resume("--drop")
    put(mail("fresh"), now=clock.now())
    later = clock.now() + minutes(500)

    assert tick.run(now=later, until=later) > 0
    assert len(deliver(clock.now())) >= 1
    assert WHY not in signed_in(make_user("Ada")).get("/").content.decode()
    assert Client().get("/readyz").status_code == 200


def test_a_desk_that_is_not_held_is_left_as_it_is(now: datetime) -> None:
    put(mail("waits"), now=now)

    assert "not held" in resume("--drop")
    assert set(states().values()) == {"pending"}


def test_the_audit_says_that_it_was_resumed(held: Incident) -> None:
    resume("--send-younger-than", "10")

    entry = AuditEntry.objects.get(event="command", about="resume")
    assert entry.details["minutes"] == 10
    assert entry.details["kept"] == 1


@pytest.mark.parametrize("options", [(), ("--drop", "--send-younger-than", "5"), ("--send-younger-than", "-1"),
                                     ("--send-younger-than", "nan"), ("--send-younger-than", "99999")])  # fmt: skip
def test_nobody_resumes_without_a_clear_choice(held: Incident, options: Any) -> None:
    with pytest.raises((CommandError, SystemExit)):
        resume(*options)

    assert Installation.objects.get().held_since is not None
    assert set(states().values()) == {"pending"}


def test_an_alert_that_waited_in_the_copy_pages_nobody_and_a_young_one_does(
    now: datetime, held: Incident
) -> None:
    team = make_team("Payments")
    accounts.set_escalation(team, [make_user("Priya")])
    make_service("search", team=team)
    source = make_source(now)
    receive(source, alert("Old", since=now, service="search"), group="old")
    Alert.objects.update(received_at=now - timedelta(hours=1))
    receive(source, alert("Young", since=now, service="search"), group="young")

    resume("--send-younger-than", "10")
    by_key = {key: state for key, state in states().items() if key.startswith("page:")}
    tick.run(now=clock.now(), until=clock.now())
    after = {key: state for key, state in states().items() if key.startswith("page:")}

    assert set(by_key.values()) == {"kept"}
    assert sorted(state for key, state in after.items() if key not in by_key) == ["pending"]


def test_a_row_that_stays_held_releases_nothing(held: Incident, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tick, "HELD_PAUSE", 0)
    monkeypatch.setattr(tick, "batch", lambda **_: 0)

    with pytest.raises(CommandError, match="stays held"):
        resume("--drop")

    assert Installation.objects.get().held_since is not None


def test_a_row_that_is_held_for_a_moment_is_waited_for(
    held: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, turns = tick.batch, iter([0, 0])
    monkeypatch.setattr(tick, "HELD_PAUSE", 0)
    monkeypatch.setattr(tick, "batch", lambda **given: next(turns, None) or batch(**given))

    resume("--drop")

    assert steps(held) > 0
    assert Installation.objects.get().held_since is None

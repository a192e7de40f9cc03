"""The desk says before an incident whom it could not wake, and check_desk says what to do."""

import logging
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from comms import delivery, outbox
from comms.channels import Outcome, Parcel, Result
from comms.models import Channel, Message
from comms.outbox import NewMessage
from desk import auditor, checkup, heartbeats, probing, waking
from desk.board import attention
from desk.health import reading
from incidentdesk.kernel import clock
from incidentdesk.kernel.seldom import Seldom
from people import accounts
from people.models import User
from tests.comms.receivers import mail_server
from tests.factories import make_service
from tests.people.factories import make_team, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def now() -> datetime:
    return clock.now()


@pytest.fixture
def admin(settings: Any) -> User:
    settings.DEADMAN_URL = "https://monitor.example/ping"
    settings.EMAIL_HOST = "mail.example"
    return make_user("Ada", roles=["admin"])


def shown(admin: User, now: datetime) -> dict[str, str]:
    return {line.name: line.text for line in attention.lines(admin, now=now)}


def test_a_team_with_services_and_nobody_to_page_is_told(admin: User, now: datetime) -> None:
    team = make_team("Payments")
    make_service("ledger", team=team)
    make_team("Without services")

    assert shown(admin, now) == {"teams": "1 team has nobody to page."}
    assert waking.gaps(now=now)[0].startswith(f"The team {team.name} has nobody to page.")
    assert f"The team {team.name}" in reading(now=now)["waking"][0]

    accounts.set_escalation(team, [make_user("Priya")])
    assert shown(admin, now) == {}
    assert waking.gaps(now=now) == []


def test_a_manager_can_be_paged_where_there_is_no_list(admin: User, now: datetime) -> None:
    team = make_team("Payments")
    make_service("ledger", team=team)
    team.manager = make_user("Mona", roles=["manager"])
    team.save()

    assert waking.gaps(now=now) == []


def test_a_person_on_a_list_who_was_put_out_is_told(admin: User, now: datetime) -> None:
    team = make_team("Payments")
    make_service("ledger", team=team)
    gone = make_user("Gone")
    accounts.set_escalation(team, [gone, make_user("Priya")])
    User.objects.filter(pk=gone.pk).update(is_active=False)

    assert shown(admin, now) == {"people": "1 person on escalation lists cannot be reached."}
    assert "Gone is on an escalation list" in " ".join(waking.gaps(now=now))


def test_a_list_of_people_who_are_gone_is_no_list(admin: User, now: datetime) -> None:
    team = make_team("Payments")
    make_service("ledger", team=team)
    gone = make_user("Gone")
    accounts.set_escalation(team, [gone])
    User.objects.filter(pk=gone.pk).update(is_active=False)

    assert set(shown(admin, now)) == {"teams", "people"}


def test_a_desk_that_keeps_its_mail_says_so(admin: User, now: datetime, settings: Any) -> None:
    settings.EMAIL_HOST = ""

    assert "SMTP_URL is not set" in shown(admin, now)["mail"]
    assert "SMTP_URL is not set" in " ".join(waking.gaps(now=now))
    settings.DEMO = True
    assert "mail" not in shown(admin, now)


def refuse(parcel: Parcel, now: datetime) -> Outcome:
    return Outcome(Result.RETRY, "The mail server answered 454.")


def deliver(now: datetime, send: Any = refuse) -> None:
    delivery.deliver(lambda: now, senders={Channel.EMAIL: send})


def test_a_server_that_refuses_mail_is_told_from_the_first_try_on(admin: User, now: datetime) -> None:
    outbox.put([NewMessage("a", Channel.EMAIL, "x@desk.example", {"subject": "s", "body": "b"})], now=now)

    deliver(now)
    failing = shown(admin, now)
    pulse = reading(now=now + timedelta(minutes=4))
    Message.objects.update(due_at=now)
    deliver(now, lambda parcel, at: Outcome(Result.SENT))

    assert "mail-server" in failing
    assert pulse["outbox"]["oldest"] >= 240
    assert "refuses mail" in " ".join(pulse["waking"])
    assert "mail-server" not in shown(admin, now)
    assert reading(now=now)["outbox"]["oldest"] == 0


def test_a_message_that_may_not_leave_yet_is_not_old(now: datetime) -> None:
    due = now + timedelta(hours=8)
    outbox.put([NewMessage("a", Channel.EMAIL, "x@desk.example", {}, due_at=due)], now=now)

    assert reading(now=now + timedelta(hours=1))["outbox"]["oldest"] == 0


def test_a_destination_that_fails_is_one_warning_a_minute_without_recipients(
    now: datetime, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.EMAIL_HOST = "mail.example"
    monkeypatch.setattr(delivery, "_seldom", Seldom())
    caplog.set_level(logging.WARNING, logger="comms.delivery")
    for number in range(8):
        outbox.put([NewMessage(f"m{number}", Channel.EMAIL, f"p{number}@desk.example", {})], now=now)

    deliver(now)

    assert caplog.text.count("The mail server mail.example does not take messages") == 1
    assert "454" in caplog.text
    assert "@desk.example" not in caplog.text


def check(*options: str) -> tuple[str, bool]:
    out = StringIO()
    try:
        call_command("check_desk", *options, stdout=out)
    except CommandError:
        return out.getvalue(), False
    return out.getvalue(), True


def test_check_desk_tries_each_part_and_says_what_to_do(admin: User, now: datetime, settings: Any) -> None:
    team = make_team("Payments")
    make_service("ledger", team=team)
    settings.DEADMAN_URL = ""

    said, well = check()

    lines = {line[4:15].strip(): line for line in said.splitlines()}
    assert not well
    assert set(lines) >= {*checkup.CHECKS, "mail"}
    assert lines["database"].startswith("ok ")
    assert lines["redis"].startswith("ok ") or "noeviction" in lines["redis"]
    assert lines["clock"].startswith("ok ")
    assert lines["disk"].startswith("ok ")
    assert lines["address"].startswith("FIX") and "does not answer" in lines["address"]
    assert "Set DEADMAN_URL" in lines["monitor"]
    assert f"The team {team.name} has nobody to page" in lines["waking"]


def test_check_desk_says_what_redis_that_is_away_costs(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    said, _ = check()

    assert "Redis does not answer" in said and "some seconds later" in said


def test_check_desk_sends_a_real_mail_and_says_why_it_could_not(settings: Any) -> None:
    with mail_server() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.host, server.port
        taken, _ = check("--send-test", "ada@desk.example")
        server.refuse.add("nobody@desk.example")
        refused, _ = check("--send-test", "nobody@desk.example")

    assert [str(mail["To"]) for mail in server.mails] == ["ada@desk.example"]
    assert "ok   mail       The mail server took a mail to ada@desk.example." in taken
    assert "FIX  mail       The mail to nobody@desk.example was not taken." in refused


def test_a_process_that_does_not_live_is_found(now: datetime) -> None:
    for name in (heartbeats.BEAT, heartbeats.KEEPER, heartbeats.worker()):
        heartbeats.beat(name, now=now)
    well = auditor.faults(now=now)

    assert well == []
    assert "Worker, beat and keeper live." in check()[0]


@pytest.mark.parametrize(
    ("proxy", "change", "said"),
    [
        (True, {}, ""),
        (True, {"secure": False}, "X-Forwarded-Proto"),
        (True, {"host": "127.0.0.1:8000"}, "pass on the Host header"),
        (True, {"forwarded": False}, "must set X-Forwarded-For"),
        (True, {"client": "10.0.0.2"}, "Set TRUSTED_PROXIES"),
        (True, {"client": "127.0.0.1", "connection": "127.0.0.1"}, ""),
        (False, {}, "BEHIND_PROXY is not set"),
    ],
)
def test_what_a_proxy_hides_is_named(settings: Any, proxy: bool, change: dict[str, Any], said: str) -> None:
    settings.BASE_URL, settings.BEHIND_PROXY = "https://desk.example.org", proxy
    arrived = {"secure": True, "host": "desk.example.org", "client": "203.0.113.9", "connection": "10.0.0.2",
               "forwarded": True}  # fmt: skip

    bad = [text for well, text in probing.judge({**arrived, **change}) if not well]

    assert (said in " ".join(bad)) if said else bad == []


def test_what_arrives_is_told_to_a_fresh_probe_of_our_own_only(now: datetime) -> None:
    fresh = Client().get(probing.path(now=now))
    old = Client().get(probing.path(now=now - timedelta(minutes=2)))
    none = Client().get("/ops/seen")
    forged = Client().get("/ops/seen?probe=abc:def")

    assert fresh.json()["connection"] == "127.0.0.1"
    assert {old.status_code, none.status_code, forged.status_code} == {404}


def test_somebody_on_a_list_without_an_address_cannot_be_reached() -> None:
    nobody = make_user("Nemo")
    User.objects.filter(pk=nobody.pk).update(email="")
    make_service("Ledger", team=make_team(people=[nobody]))

    assert waking.people_without_a_way() == ["Nemo"]
    assert len(waking.teams_without_a_list()) == 1

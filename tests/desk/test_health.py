"""What machines ask about the desk, and whom it tells (S40)."""

from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.test import Client

from comms.models import Message
from desk import heartbeats, tick
from incidentdesk.kernel import clock
from incidents.models import Deadline
from people import accounts
from people.models import AuditEntry
from tests.comms.makers import mail, put
from tests.desk.doors import signed_in, token
from tests.factories import make_incident, minutes
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db


def pulse(browser: Client, text: str = "") -> Any:
    return browser.get("/ops/pulse", headers={"Authorization": f"Bearer {text}"} if text else {})


def test_without_its_database_the_process_is_healthy_and_not_ready() -> None:
    with patch("incidents.installation.held", side_effect=OperationalError("connection refused: 10.0.0.7")):
        healthy, ready = Client().get("/healthz"), Client().get("/readyz")

    assert (healthy.status_code, ready.status_code) == (200, 503)
    assert b"10.0.0.7" not in ready.content


def test_health_asks_nothing_of_redis_and_needs_no_session(django_assert_num_queries: Any) -> None:
    assert Client().get("/readyz").status_code == 200  # every ten seconds it looks at more
    with django_assert_num_queries(0):
        assert Client().get("/healthz").status_code == 200
    with (
        django_assert_num_queries(1),
        patch("django.core.cache.caches.__getitem__", side_effect=ConnectionError),
    ):
        assert Client().get("/readyz").status_code == 200


@pytest.mark.parametrize("role", ["manager", "ic", "engineer", "executive", "spectator", "client_contact"])
def test_the_pulse_does_not_exist_for_anybody_but_administrators_and_its_own_scope(role: str) -> None:
    nobody, person = Client(), make_user(roles=[role])
    nothing = nobody.get("/nothing-here")

    answers = [
        pulse(nobody),
        pulse(signed_in(person)),
        pulse(nobody, token(person)),
        pulse(nobody, "idesk_x"),
    ]

    assert {answer.status_code for answer in answers} == {404}
    if nothing.status_code == 404:
        assert {answer.content for answer in answers} == {nothing.content}


def test_tries_with_a_token_that_opens_nothing_are_counted_at_the_pulse_too() -> None:
    pulse(Client(), "idesk_x")

    assert AuditEntry.objects.get(event="token_refused").address == "127.0.0.1"


def test_the_pulse_tells_how_old_the_tick_is_and_what_is_late() -> None:
    now = clock.now()
    machine = make_user("Probe", roles=(), is_machine=True)
    put(mail("late"), now=now - minutes(2))
    incident = make_incident(declared_at=now - minutes(10))
    heartbeats.beat(heartbeats.TICK, now=now - minutes(1))
    heartbeats.beat("keeper", now=now - minutes(3))

    told = pulse(Client(), token(machine, "ops:read"))

    seen = told.json()
    assert told.headers["Cache-Control"] == "private, no-store"
    assert 60 <= seen["tick"]["age"] < 70
    assert seen["outbox"]["late"] >= 120
    assert seen["deadlines"]["late"] > 0
    assert [row["name"] for row in seen["heartbeats"]] == ["keeper"]
    assert 180 <= seen["heartbeats"][0]["age"] < 190
    assert Deadline.objects.filter(incident=incident, state="armed").exists()
    assert "@" not in told.content.decode()


def test_after_a_tick_nothing_is_late_and_an_administrator_sees_it() -> None:
    now = clock.now()
    make_incident(declared_at=now - minutes(10))
    tick.run(now=now, until=now)

    seen = pulse(signed_in(make_user(roles=["admin"]))).json()

    assert seen["deadlines"]["late"] == 0
    assert seen["tick"]["age"] < 10
    assert seen["outbox"]["dead"] == Message.objects.filter(state="dead").count() == 0


def test_the_pulse_closes_to_a_token_whose_person_administers_no_longer() -> None:
    ada = make_user("Ada", roles=["admin"])
    text = token(ada, "ops:read")
    assert pulse(Client(), text).status_code == 200

    accounts.set_roles(ada, ["manager"])

    assert pulse(Client(), text).status_code == 404

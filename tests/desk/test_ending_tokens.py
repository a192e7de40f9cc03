"""Tokens that end: administrators hear of it in time."""

from datetime import timedelta

import pytest

from comms.models import Message
from desk import ending_tokens, rounds
from desk.board import attention
from people import accounts, tokens
from people.models import User
from tests.factories import T0
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def lasting(user: User, days: int, *scopes: str, name: str = "alertmanager") -> None:
    tokens.make(user, name=name, scopes=scopes or ["alerts:write"], now=T0, expires_at=T0 + days * DAY)


def test_administrators_hear_once_two_weeks_before_a_programs_token_ends() -> None:
    make_user("Ada", roles=["admin"], email="ada@example.org")
    machine = make_user("Monitoring", roles=(), is_machine=True, email="monitoring@example.org")
    lasting(machine, 30)

    early = ending_tokens.tell(now=T0 + 16 * DAY - timedelta(seconds=1))
    rounds.keep_house(now=T0 + 16 * DAY)
    again = ending_tokens.tell(now=T0 + 20 * DAY)

    mail = Message.objects.get()
    assert (early, again, mail.dest) == (0, 0, "ada@example.org")
    assert mail.payload["subject"] == f"An API token of Monitoring ends on {T0 + 30 * DAY:%Y-%m-%d}"
    assert "token --user monitoring@example.org --scope alerts:write" in mail.payload["body"]


def test_a_token_that_ended_is_revoked_or_opens_nothing_is_no_reason_to_write() -> None:
    make_user("Ada", roles=["admin"])
    machine, person = make_user("Monitoring", roles=(), is_machine=True), make_user("Omar")
    lasting(machine, 1)
    lasting(person, 30, "incidents:read")  # a person's own, whose end only that person meets
    lasting(person, 30, "alerts:write")
    accounts.set_roles(person, ["executive"])
    lasting(machine, 30)
    tokens.revoke_all(machine, now=T0)

    assert ending_tokens.tell(now=T0 + 20 * DAY) == 0


def test_the_desk_of_an_administrator_shows_how_many_end_soon() -> None:
    ada = make_user("Ada", roles=["admin"])
    lasting(make_user("Monitoring", roles=(), is_machine=True), 10)

    shown = {line.name: line.text for line in attention.lines(ada, now=T0)}

    assert shown["tokens_ending"] == "The API token of a program ends within 14 days."
    assert dict(attention.counts(now=T0))["tokens_ending"] == 1


def test_administrators_hear_of_a_person_s_token_that_sends_alerts() -> None:
    make_user("Ada", roles=["admin"])
    lasting(make_user("Omar", roles=["engineer"]), 30)

    assert ending_tokens.tell(now=T0 + 20 * DAY) == 1

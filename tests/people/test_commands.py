"""The doors for operators: people and tokens from the command line, as JSON."""

import io
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from incidentdesk.kernel import clock
from people import tokens
from people.models import ApiToken, Session, User
from tests.people.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_a_person_is_made_with_roles_and_team_and_can_sign_in(client) -> None:
    made = run(
        "user", "--email", "Ada@Example.org", "--name", "Ada", "--role", "ic", "--role", "engineer",
        "--team", "payments", "--password", PASSWORD,
    )  # fmt: skip

    assert made["email"] == "ada@example.org"
    assert made["roles"] == ["engineer", "ic"]
    assert made["team"] == "payments"
    assert made["made"] is True
    assert client.post("/sign-in/", {"login": "ada@example.org", "password": PASSWORD}).status_code == 302


def test_running_it_again_changes_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    first = run("user", "--email", "ada@example.org", "--role", "ic")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))

    again = run("user", "--email", "ada@example.org", "--role", "manager", "--password-stdin")

    assert again["uid"] == first["uid"]
    assert again["made"] is False
    assert again["roles"] == ["manager"]
    assert User.objects.get().check_password(PASSWORD)


def test_a_weak_password_leaves_nothing_behind() -> None:
    with pytest.raises(CommandError, match="12"):
        run("user", "--email", "ada@example.org", "--password", "short")

    assert not User.objects.exists()


def test_somebody_is_put_out(client) -> None:
    user = make_user(email="ada@example.org")
    client.force_login(user)

    assert run("user", "--email", "ada@example.org", "--inactive")["active"] is False
    assert not Session.objects.exists()


def test_a_token_is_printed_once_and_works() -> None:
    make_user(email="robot@example.org", is_machine=True)

    made = run("token", "--user", "robot@example.org", "--scope", "alerts:write", "--name", "alertmanager")

    found = tokens.check(made["token"], now=clock.now())
    assert found
    assert (found.name, found.scopes) == ("alertmanager", ["alerts:write"])
    assert made["expires_at"] == found.expires_at.isoformat()


@pytest.mark.parametrize(("is_machine", "days"), [(True, 365), (False, 90)])
def test_a_token_of_the_command_line_ends_also_when_nobody_says_when(is_machine: bool, days: int) -> None:
    make_user(email="robot@example.org", is_machine=is_machine)
    before = clock.now()

    made = run("token", "--user", "robot@example.org", "--scope", "incidents:read")

    lasts = datetime.fromisoformat(made["expires_at"]) - before
    assert timedelta(days=days) <= lasts < timedelta(days=days, minutes=1)


@pytest.mark.parametrize("days", ["0", "-1", "367", "1e300", "nan", "inf", "-inf"])
def test_a_life_that_no_token_has_is_refused_in_a_sentence(days: str) -> None:
    make_user(email="robot@example.org", is_machine=True)

    with pytest.raises(CommandError, match="at most 366 days"):
        run("token", "--user", "robot@example.org", "--scope", "incidents:read", f"--days={days}")

    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("role", ["executive", "customer_support", "client_contact", "spectator"])
def test_the_command_line_gives_nobody_a_scope_that_their_roles_do_not_allow(role: str) -> None:
    make_user(email="ed@example.org", roles=[role])

    with pytest.raises(CommandError, match="may not have a token with the scope alerts:write"):
        run("token", "--user", "ed@example.org", "--scope", "incidents:read", "--scope", "alerts:write")

    assert not ApiToken.objects.exists()


def test_nobody_gets_a_token_for_nobody() -> None:
    with pytest.raises(CommandError, match="No token was made"):
        run("token", "--user", "nobody@example.org", "--scope", "alerts:write")

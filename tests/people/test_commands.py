"""The doors for operators: people and tokens from the command line, as JSON."""

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from incidentdesk.kernel import clock
from people import tokens
from people.models import Session, User
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
    assert (found.name, found.scopes, made["expires_at"]) == ("alertmanager", ["alerts:write"], None)


def test_nobody_gets_a_token_for_nobody() -> None:
    with pytest.raises(CommandError, match="No token was made"):
        run("token", "--user", "nobody@example.org", "--scope", "alerts:write")

"""No page and no log echoes a password, a token or a secret: not when the database is away, not when it refuses a row."""

import io
import logging
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test import Client, RequestFactory

from incidentdesk.kernel import logs, sensitive
from incidentdesk.kernel.middleware.database_trouble import answer
from people.models import User
from tests.people.factories import make_user

TYPED = {
    "csrfmiddlewaretoken": "form-token", "request_id": "r-1", "text": "All writes fail", "note": "x" * 200,
    "password": "S3CRET", "old": "S3CRET", "new": "S3CRET", "new_password1": "S3CRET", "webhook_secret": "S3CRET",
    "token": "S3CRET", "API_KEY": "S3CRET", "Authorization": "S3CRET", "passphrase": "S3CRET",
}  # fmt: skip


def test_the_page_for_a_lost_database_keeps_what_was_typed_and_asks_again_for_what_is_secret() -> None:
    page = answer(RequestFactory().post("/account/password/", TYPED), OperationalError()).content.decode()

    assert "S3CRET" not in page
    assert "All writes fail" in page and "form-token" in page and "x" * 200 in page
    for name in ("password", "old", "new", "webhook_secret"):
        assert f'type="password" name="{name}"' in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/sign-in/", {"login": "sarah@example.org", "password": "S3CRET-planted"}),
        ("/account/password/", {"old": "S3CRET-planted", "new": "S3CRET-planted"}),
        ("/account/confirm/", {"password": "S3CRET-planted"}),
        ("/account/tokens/revoked/", {"token": "S3CRET-planted"}),
    ],
)
@pytest.mark.parametrize("broken", [OperationalError, RuntimeError, IntegrityError])
def test_no_page_and_no_log_of_a_request_that_breaks_says_what_was_typed(
    monkeypatch: pytest.MonkeyPatch, caplog: Any, path: str, fields: dict[str, str], broken: type[Exception]
) -> None:
    here = Client(raise_request_exception=False)
    here.force_login(make_user("Sarah", roles=["admin"]))

    def breaks(*_: Any, **__: Any) -> None:
        raise broken("gone")

    monkeypatch.setattr("people.throttle.take", breaks)
    monkeypatch.setattr("people.sudo.holds", breaks)

    page = here.post(path, fields)

    assert page.status_code in (500, 503)
    assert "S3CRET" not in page.content.decode()
    assert "S3CRET" not in caplog.text


def logged(error: Exception) -> str:
    """What a log of the desk says of an exception."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logs.Line("%(levelname)s %(message)s"))
    handler.addFilter(logs.MaskLinks())
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.error("A request broke: %s", error, exc_info=error)
    return out.getvalue()


@pytest.mark.django_db
def test_a_row_that_the_database_refuses_stands_in_no_log() -> None:
    """PostgreSQL quotes the whole row, with the hash of the password in it."""
    sarah = make_user("Sarah", password="a long night at sea")
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        User.objects.filter(pk=sarah.pk).update(roles=["captain"])
    with pytest.raises(IntegrityError) as twice, transaction.atomic():
        User.objects.create(email=sarah.email, name="planted")

    assert sarah.email in str(refused.value)
    said = logged(refused.value) + logged(twice.value)
    assert sarah.password not in said and sarah.email not in said
    assert "user_roles_are_known" in said and "IntegrityError" in said


@pytest.mark.django_db
def test_a_statement_that_the_database_cannot_read_stands_in_no_log() -> None:
    statement = "SELECT 'S3CRET' FROMM people_user"
    with pytest.raises(Exception) as broken, transaction.atomic():
        connection.cursor().execute(statement)

    assert "S3CRET" in str(broken.value)
    assert "S3CRET" not in logged(broken.value)


def test_every_handler_of_the_desk_writes_such_lines() -> None:
    for handler in settings.LOGGING["handlers"].values():
        assert settings.LOGGING["formatters"][handler["formatter"]]["()"] == "incidentdesk.kernel.logs.Line"
        assert "links" in handler["filters"]


def test_names_of_secrets_are_known_and_ordinary_names_are_not() -> None:
    assert all(
        sensitive.is_secret(name)
        for name in ("Password", "webhook_secret", "new", "access_token", "X-Api-Key".replace("-", "_"))
    )
    assert not any(
        sensitive.is_secret(name) for name in ("text", "note", "name", "email", "news", "symptom", "older")
    )

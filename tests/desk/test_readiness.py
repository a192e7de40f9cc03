"""Ready means that this version can work on this database; otherwise the answer names what is missing (S40)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.test import Client

from desk import collecting, readiness
from incidents import installation

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def looks_again() -> Iterator[None]:
    readiness.forget()
    yield
    readiness.forget()


def test_a_database_of_this_version_is_ready(django_assert_num_queries: Any) -> None:
    assert readiness.problems() == []
    with django_assert_num_queries(1):
        assert readiness.problems() == []


def test_a_migration_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    newer = frozenset({*readiness._on_disk(), ("comms", "9999_something_new")})
    monkeypatch.setattr(readiness, "_on_disk", lambda: newer)

    answer = Client().get("/readyz")

    assert answer.status_code == 503
    assert "comms 9999_something_new" in answer.content.decode()
    assert "manage.py migrate" in answer.content.decode()


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("REVOKE INSERT ON comms_message FROM desk_app", "may not use the table comms_message"),
        ("GRANT UPDATE ON incidents_timelineentry TO desk_app", "may rewrite the record"),
        ("ALTER TABLE incidents_installation RENAME TO gone", "The tables or rights that this version needs"),
        (
            "REVOKE SELECT ON incidents_installation FROM desk_app",
            "The tables or rights that this version needs",
        ),
    ],
)
def test_tables_and_rights_that_are_missing_are_named(change: str, said: str) -> None:
    with connections["owner"].cursor() as owner:
        owner.execute(change)

    assert said in " ".join(readiness.problems())


def test_what_the_database_says_is_logged_once_a_minute_and_told_to_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused() -> str:
        raise OperationalError(
            'connection to server at "10.0.0.7" failed: FATAL: password authentication failed'
        )

    monkeypatch.setattr(installation, "held", refused)
    monkeypatch.setattr(readiness, "_seldom", readiness.Seldom())

    answers = [Client().get("/readyz").content.decode() for _ in range(3)]

    assert answers == ["The database does not answer.\n"] * 3
    assert caplog.text.count("password authentication failed") == 1


def test_static_files_that_nobody_collected_are_missed(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TESTING = False

    assert "collectstatic" in " ".join(readiness.problems())


def test_the_web_collects_static_files_where_they_are_missing(settings: Any, tmp_path: Path) -> None:
    settings.TESTING = False
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "incidentdesk.kernel.static_files.HashedFiles"},
    }

    assert collecting.collect_missing()
    assert not collecting.collect_missing()
    assert (tmp_path / "static" / collecting.MANIFEST).is_file()


def test_a_folder_that_cannot_be_written_stops_no_web(
    settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.TESTING = False
    settings.STATIC_ROOT = tmp_path / "file" / "static"
    (tmp_path / "file").touch()

    assert not collecting.collect_missing()
    assert "could not be collected" in caplog.text

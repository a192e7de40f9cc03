from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from incidentdesk.kernel import env, env_addresses


def test_a_missing_value_without_a_default_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPDATE_GRACE", raising=False)

    with pytest.raises(ImproperlyConfigured, match="UPDATE_GRACE"):
        env.text("UPDATE_GRACE")


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (env.integer, "ten"),
        (env.integer, "-1"),
        (env.number, "0"),
        (env.number, "nan"),
        (env.number, "1s"),
        (env.flag, "maybe"),
        (env.duration, "5 minutes"),
        (env.duration, "P"),
        (env_addresses.postgres, "mysql://somewhere/desk"),
        (env_addresses.postgres, "postgresql://host/"),
    ],
)
def test_a_value_that_cannot_be_right_stops_the_process_naming_it(
    monkeypatch: pytest.MonkeyPatch, reader: object, value: str
) -> None:
    monkeypatch.setenv("SOME_SETTING", value)

    with pytest.raises(ImproperlyConfigured, match="SOME_SETTING"):
        reader("SOME_SETTING")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("PT5M", timedelta(minutes=5)),
        ("P1DT12H", timedelta(hours=36)),
        ("PT0.5S", timedelta(milliseconds=500)),
        ("90", timedelta(seconds=90)),
    ],
)
def test_a_span_may_be_iso_or_seconds(monkeypatch: pytest.MonkeyPatch, text: str, span: timedelta) -> None:
    monkeypatch.setenv("SOME_SPAN", text)

    assert env.duration("SOME_SPAN") == span


def test_a_database_address_may_name_a_socket_and_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "SOME_DATABASE",
        "postgresql://desk_app:p%40ss@/desk?host=%2Frun%2Fpg&port=5432&target_session_attrs=read-write",
    )

    found = env_addresses.postgres("SOME_DATABASE")

    assert (found["NAME"], found["USER"], found["PASSWORD"]) == ("desk", "desk_app", "p@ss")
    assert (found["HOST"], found["PORT"]) == ("/run/pg", "5432")
    assert found["OPTIONS"] == {"target_session_attrs": "read-write"}


def test_a_file_of_settings_never_covers_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRST_SETTING", "from the environment")
    monkeypatch.setenv("SECOND_SETTING", "")
    monkeypatch.delenv("SECOND_SETTING")
    (tmp_path / "desk.env").write_text("FIRST_SETTING=from the file\nSECOND_SETTING=a=b\n")

    env.load(tmp_path / "desk.env")

    assert env.text("FIRST_SETTING") == "from the environment"
    assert env.text("SECOND_SETTING") == "a=b"

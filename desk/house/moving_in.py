"""What must be there before the first request: tables, static files, the demonstration. Each is skipped when it is."""

import hashlib
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg
from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from incidentdesk.kernel.embedded import child
from incidentdesk.kernel.embedded.postgres import tail

Pause = Callable[[], None]


class Failed(Exception):
    """A step of moving in failed; the text ends with its log."""


def command(name: str, *arguments: str, env: Mapping[str, str], log_dir: Path) -> "subprocess.Popen[bytes]":
    """Start one of the desk's commands in a process of its own."""
    manage = settings.BASE_DIR / "manage.py"
    return child.start(
        [sys.executable, manage, name, *arguments],
        env=env,
        log=log_dir / f"{name}.log",
        cwd=settings.BASE_DIR,
    )


def wait(process: "subprocess.Popen[bytes]", what: str, log: Path, pause: Pause) -> None:
    """Wait for a step, listening for Ctrl-C all the while. Raises Failed, or what `pause` raises."""
    try:
        while process.poll() is None:
            pause()
    except BaseException:
        child.signal_group(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode:
        raise Failed(f"{what} failed. The log ends:\n{tail(log)}")


def is_migrated(owner_url: str) -> bool:
    """Whether every migration on disk is in the database already: a warm start need not load all of them."""
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    disk = set(loader.disk_migrations)
    with psycopg.connect(owner_url, connect_timeout=5) as connection:
        if connection.execute("SELECT to_regclass('django_migrations')").fetchone() == (None,):
            return False
        return disk <= set(connection.execute("SELECT app, name FROM django_migrations").fetchall())


def static_digest() -> str:
    """A digest over every source file of the static tree: name, size and time of change."""
    seen = hashlib.sha256()
    roots = [Path(root) for root in settings.STATICFILES_DIRS]
    for path in sorted(file for root in roots for file in root.rglob("*") if file.is_file()):
        status = path.stat()
        seen.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    seen.update((settings.BASE_DIR / "requirements.lock").read_bytes())
    return seen.hexdigest()

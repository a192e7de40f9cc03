"""The embedded PostgreSQL: made once, started in the foreground, reached by a unix socket with a password per role."""

import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from incidentdesk.kernel.embedded import child
from incidentdesk.kernel.embedded.place import Place

DATABASE: Final = "desk"
OWNER: Final = "desk_owner"
APPLICATION: Final = "desk_app"
ROOT: Final = "postgres"
PORT: Final = 5432  # names the socket's file only; nothing listens on the network
READY_WITHIN: Final = 90.0
_RETRY: Final = 0.25
_SETTINGS: Final = (
    "max_connections=60", "shared_buffers=64MB", "log_min_messages=warning", "timezone=UTC", "log_timezone=UTC",
    "autovacuum_naptime=60s", "checkpoint_timeout=15min", "max_wal_size=512MB", "jit=off", "huge_pages=off",
    "bgwriter_delay=1000ms", "wal_writer_delay=1000ms", "max_parallel_workers=0", "max_worker_processes=2",
    "max_logical_replication_workers=0",
    # A refused row or statement would stand in its log with everything that was typed.
    "log_error_verbosity=terse", "log_min_error_statement=panic", "log_parameter_max_length_on_error=0",
)  # fmt: skip


class Postgres:
    """One cluster. `settings` are further `name=value` pairs of the server's own."""

    def __init__(self, place: Place, secrets_file: Path, *, settings: tuple[str, ...] = ()) -> None:
        self.place = place
        self.log = place.servers / "postgres.log"
        self._settings = settings
        self._passwords = _passwords(secrets_file)

    def url(self, role: str, database: str = DATABASE) -> str:
        """The address as one of the roles ROOT, OWNER, APPLICATION. Holds a password."""
        host = quote(str(self.place.sockets), safe="")
        return f"postgresql://{role}:{self._passwords[role]}@/{database}?host={host}&port={PORT}"

    def create(self) -> None:
        """Make the cluster where there is none. A half-made one is thrown away: nothing was ever in it."""
        if (self.place.cluster / "made").exists():
            return
        if self.place.cluster.exists():
            _remove(self.place.cluster)
        password = self.place.servers / "initdb.password"
        password.touch(mode=0o600)
        password.write_text(self._passwords[ROOT])
        self._own(password)
        try:
            self._run(
                "initdb", "-D", self.place.cluster, "-U", ROOT, "-E", "UTF8", "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8", "--no-instructions", "--auth=scram-sha-256", f"--pwfile={password}",
            )  # fmt: skip
        finally:
            password.unlink()
        (self.place.cluster / "made").touch()

    def recover(self) -> None:
        """Before a start: end a server that lost its parent, and drop a pid file that names somebody else's process.

        PostgreSQL believes any live process of its own user to be its server, so a pid that was given again after a
        restart of the machine would keep it from starting for ever.
        """
        note = self.place.cluster / "postmaster.pid"
        if not note.exists():
            return
        first = note.read_text().splitlines()[:1]
        pid = int(first[0]) if first and first[0].isdigit() else 0
        if not pid or not child.is_alive(pid):
            return  # PostgreSQL sees that itself, and also whether old backends still hold the shared memory
        if str(self.place.cluster) in child.command_line(pid):
            child.end([pid], first=signal.SIGINT, patience=15)
        else:
            note.unlink()

    def start(self) -> "subprocess.Popen[bytes]":
        """Start the server as our child; it may not answer yet."""
        self._own(_touched(self.log))
        arguments = [part for pair in (*_SETTINGS, *self._settings) for part in ("-c", pair)]
        return child.start(
            [
                self.place.binaries / "postgres",
                "-D",
                self.place.cluster,
                "-k",
                self.place.sockets,
                "-h",
                "",
                "-p",
                str(PORT),
                *arguments,
            ],
            env=_bare_env(),
            log=self.log,
            account=self.place.account,
            dies_by=signal.SIGINT,
        )

    def answers(self) -> bool:
        """Whether a connection can be made just now."""
        try:
            psycopg.connect(self.url(ROOT, "postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def start_and_wait(self, again: Callable[[], bool] = lambda: True) -> "subprocess.Popen[bytes]":
        """Start until it answers. After a kill the old backends hold the shared memory for a while and early starts
        fail, so it is tried again for 90 s, as long as `again()` agrees. Raises RuntimeError with the log's end."""
        until = time.monotonic() + READY_WITHIN
        process = self.start()
        while not self.answers():
            if time.monotonic() > until or not again():
                child.signal_group(process.pid, signal.SIGKILL)
                process.wait()
                raise RuntimeError(f"PostgreSQL did not start. Its log ends:\n{tail(self.log)}")
            time.sleep(0.02 if process.poll() is None else _RETRY)
            if process.poll() is not None:
                self.recover()
                process = self.start()
        return process

    def furnish(self) -> None:
        """Make the roles, the database and what the application may do in it. Twice is safe."""
        with psycopg.connect(self.url(ROOT, "postgres"), autocommit=True) as connection:
            for role, extra in ((OWNER, "CREATEDB"), (APPLICATION, "")):
                known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
                connection.execute(
                    sql.SQL("{} ROLE {} LOGIN NOSUPERUSER {} PASSWORD {}").format(
                        sql.SQL("ALTER" if known else "CREATE"),
                        sql.Identifier(role),
                        sql.SQL(extra),
                        sql.Literal(self._passwords[role]),
                    )
                )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(DATABASE), sql.Identifier(OWNER)
                    )
                )
            enclose(connection, DATABASE, APPLICATION)
            for other in ("postgres", "template1"):
                # The owner makes databases from there; nobody else of the desk has business in them.
                enclose(connection, other, OWNER)
        with psycopg.connect(self.url(OWNER), autocommit=True) as connection:
            grant(connection, APPLICATION)

    def _own(self, path: Path) -> None:
        if self.place.account.uid is not None and self.place.account.gid is not None:
            os.chown(path, self.place.account.uid, self.place.account.gid)

    def _run(self, program: str, *arguments: str | Path) -> None:
        self._own(_touched(self.log))
        done = child.start(
            [self.place.binaries / program, *arguments],
            env=_bare_env(),
            log=self.log,
            account=self.place.account,
        ).wait()
        if done != 0:
            raise RuntimeError(f"{program} failed. Its log ends:\n{tail(self.log)}")


def enclose(connection: "psycopg.Connection[tuple[object, ...]]", database: str, role: str) -> None:
    """Let `role` alone, beside owner and superuser, connect to a database, and nobody make temporary tables in it (S35).

    PostgreSQL grants both to everybody in every new database, also in the copy of one that was enclosed.
    """
    for statement in ("REVOKE ALL ON DATABASE {0} FROM PUBLIC", "GRANT CONNECT ON DATABASE {0} TO {1}"):
        connection.execute(sql.SQL(statement).format(sql.Identifier(database), sql.Identifier(role)))


def grant(connection: "psycopg.Connection[tuple[object, ...]]", role: str) -> None:
    """Let `role` read and write the rows of what the connected owner makes from now on, and change no table (S35)."""
    who = sql.Identifier(role)
    for statement in (
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE ON SCHEMA public TO {}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {}",
    ):
        connection.execute(sql.SQL(statement).format(who))


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, for a person."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"


def _passwords(path: Path) -> dict[str, str]:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps({role: secrets.token_urlsafe(24) for role in (ROOT, OWNER, APPLICATION)}))
    found: dict[str, str] = json.loads(path.read_text())
    return found


def _touched(path: Path) -> Path:
    path.touch()
    return path


def _bare_env() -> dict[str, str]:
    # The server needs nothing of ours; PG* variables of the person would even bend it.
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder)

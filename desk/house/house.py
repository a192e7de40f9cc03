"""The whole house in the order of its start: servers, tables, demonstration, then the four processes of the desk."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import psycopg
from django.conf import settings

from desk import readiness
from desk.house import addresses, leftovers, moving_in
from desk.house.parts import Part
from desk.house.supervisor import Say, Stopped, Supervisor
from incidentdesk.kernel import env
from incidentdesk.kernel.embedded import Place, Postgres, Valkey, child, settle
from incidentdesk.kernel.embedded.postgres import APPLICATION, OWNER

READY_WITHIN: Final = 60.0


class House:
    """One data folder's desk. `run` returns the exit code once everything has stopped."""

    def __init__(self, data_dir: Path, say: Say) -> None:
        self.data_dir, self._say = data_dir, say
        self.run_dir, self.log_dir = data_dir / "run", data_dir / "log"
        self.supervisor = Supervisor(say)
        self.supervisor.logs.folders.append(self.log_dir)
        self.given: dict[str, str] = {}
        self._owner_url = ""

    def run(self) -> int:
        """Start, watch, stop. Raises Occupied, NoPort, Failed or RuntimeError with a sentence when it cannot start."""
        for folder in (self.data_dir, self.run_dir, self.log_dir):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        with leftovers.lock(self.run_dir):
            if cleared := leftovers.clear(self.data_dir):
                self._say(f"Ended {len(cleared)} processes that an earlier run had left behind.")
            self.supervisor.listen()
            try:
                self._start()
                self.supervisor.watch()
            except Stopped:
                pass
            finally:
                self._say("Stopping ...")
                self.supervisor.stop()
                (self.run_dir / "desk.env").unlink(missing_ok=True)
        self._say("Stopped.")
        return 0

    def _start(self) -> None:
        began = time.monotonic()
        embedded = "DATABASE_URL" not in os.environ
        self._name_addresses()
        self._start_servers()
        addresses.publish(self.run_dir, {**self.given, "DATABASE_OWNER_URL": self._owner_url})
        self._move_in(demo=env.flag("DEMO", embedded))
        for name in ("web", "worker", "beat", "keeper"):
            self.supervisor.add(self._part(name))
        self._wait_for_web()
        self._welcome(time.monotonic() - began)

    def _name_addresses(self) -> None:
        host = settings.HOST
        port = addresses.choose_port(host, os.environ.get("PORT", ""), self.data_dir / "port")
        shown = host if host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104  (compared, not bound)
        own = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
        base = settings.BASE_URL if os.environ.get("BASE_URL") else own
        demo = env.flag("DEMO", "DATABASE_URL" not in os.environ)
        self.given = {"HOST": host, "PORT": str(port), "BASE_URL": base, "DEMO": "1" if demo else "0"}
        if "MINUTE_SECONDS" in os.environ:
            self.given["MINUTE_SECONDS"] = os.environ["MINUTE_SECONDS"]

    def _start_servers(self) -> None:
        place = None
        if "DATABASE_URL" in os.environ:
            self._owner_url = env.text("DATABASE_OWNER_URL")
            self.given["DATABASE_URL"] = os.environ["DATABASE_URL"]
        else:
            place = self._settle()
            postgres = Postgres(place, self.data_dir / "postgres.secret")
            postgres.create()
            postgres.recover()
            process = postgres.start_and_wait(again=lambda: not self.supervisor.asked)
            self.supervisor.add(self._server("postgres", postgres, process))
            postgres.furnish()
            self._owner_url = postgres.url(OWNER)
            self.given |= {"DATABASE_URL": postgres.url(APPLICATION), "DESK_EMBEDDED": "1"}
        if "REDIS_URL" in os.environ:
            self.given["REDIS_URL"] = os.environ["REDIS_URL"]
        else:
            valkey = Valkey(place or self._settle(), mark=self.data_dir)
            self.supervisor.add(Part("valkey", valkey.start, self.run_dir, process=None, pause=0.25))
            self.given["REDIS_URL"] = valkey.url

    def _settle(self) -> Place:
        place = settle(self.data_dir)
        self.supervisor.logs.folders.append(place.servers)
        return place

    def _server(self, name: str, postgres: Postgres, process: "subprocess.Popen[bytes]") -> Part:
        def again() -> "subprocess.Popen[bytes]":
            postgres.recover()
            return postgres.start()

        # Old backends hold the memory for a moment after a kill: try often, and never slow down.
        part = Part(name, again, self.run_dir, stop_by=signal.SIGINT, pause=0.25, longest=0.25)
        part.adopt(process)
        return part

    def _move_in(self, *, demo: bool) -> None:
        own = addresses.environment(self.data_dir, self.given)
        note, digest = settings.STATIC_ROOT / ".made-of", moving_in.static_digest()
        static = None
        if not note.is_file() or note.read_text() != digest:
            static = moving_in.command(
                "collectstatic", "--no-input", "-v", "0", env=own, log_dir=self.log_dir
            )
        if not moving_in.is_migrated(self._owner_url):
            owner = {**own, "DATABASE_OWNER_URL": self._owner_url}
            process = moving_in.command("migrate", "--no-input", env=owner, log_dir=self.log_dir)
            moving_in.wait(process, "Making the tables", self.log_dir / "migrate.log", self._pause)
        if demo and not (filled := self.data_dir / "demo-filled").exists():
            process = moving_in.command("demo", env=own, log_dir=self.log_dir)
            moving_in.wait(process, "Filling the demonstration", self.log_dir / "demo.log", self._pause)
            filled.touch()
        if static is not None:
            moving_in.wait(static, "Collecting static files", self.log_dir / "collectstatic.log", self._pause)
            note.write_text(digest)

    def _pause(self) -> None:
        self.supervisor.pause(0.02)

    def _part(self, name: str) -> Part:
        def launch() -> "subprocess.Popen[bytes]":
            log = self.log_dir / f"{name}.log"
            own = addresses.environment(self.data_dir, {**self.given, "DESK_PROCESS": name})
            return child.start(self._command(name), env=own, log=log, cwd=settings.BASE_DIR)

        return Part(name, launch, self.run_dir)

    def _command(self, name: str) -> list[str]:
        python = sys.executable
        celery = [python, "-m", "celery", "--app", "incidentdesk", "--quiet"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
        return {
            "web": [python, "-m", "desk.house.web"],
            "worker": [*celery, "worker", *quiet],
            "beat": [
                *celery,
                "beat",
                "--scheduler",
                "incidentdesk.beat:Steady",
                "--pidfile",
                "",
                "--loglevel",
                "WARNING",
            ],
            "keeper": [python, str(settings.BASE_DIR / "manage.py"), "keeper"],
        }[name]

    def _wait_for_web(self) -> None:
        until = time.monotonic() + READY_WITHIN
        while (said := self._readiness()) != readiness.READY:
            if said.startswith(readiness.HELD) and "\n" not in said:
                self._say(f"\n{said}")
                return
            if time.monotonic() > until:
                raise RuntimeError(
                    f"The web is not ready after {READY_WITHIN:.0f} s. {said} See {self.log_dir / 'web.log'}."
                )
            self.supervisor.look()
            self.supervisor.pause(0.05)

    def _readiness(self) -> str:
        """What `/readyz` says; empty while nobody answers."""
        host = self.given["HOST"]
        near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (compared, not bound)
        connection = http.client.HTTPConnection(near, int(self.given["PORT"]), timeout=2)
        name = self.given["BASE_URL"].split("://", 1)[1].split("/", 1)[0]
        try:
            connection.request("GET", "/readyz", headers={"Host": name})
            return connection.getresponse().read(4096).decode(errors="replace").strip()
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            connection.close()

    def _welcome(self, seconds: float) -> None:
        self._say(f"\nIncident Desk runs at {self.given['BASE_URL']}   (ready after {seconds:.1f} s)")
        people = self._demo_people()
        if people:
            self._say(f"\nSign in with one click at {self.given['BASE_URL']}/sign-in/ as one of:")
            for name, email, roles in people:
                self._say(f"  {name:<20} {email:<34} {', '.join(roles)}")
        self._say(f"\nData and logs: {self.data_dir}. Ctrl-C stops everything.")

    def _demo_people(self) -> list[tuple[str, str, list[str]]]:
        with (
            contextlib.suppress(psycopg.Error),  # a greeting is not worth a desk
            psycopg.connect(self.given["DATABASE_URL"], connect_timeout=5) as connection,
        ):
            return connection.execute(
                "SELECT name, email, roles FROM people_user WHERE is_demo AND is_active AND NOT is_machine ORDER BY id LIMIT 20"
            ).fetchall()
        return []

"""One running desk with its people, its mail server and its webhook receiver, and what tests do to it."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
from psycopg import sql
from standardwebhooks import Webhook

from incidentdesk.kernel.embedded.postgres import APPLICATION, OWNER
from incidentdesk.kernel.embedded.postgres import ROOT as ROOT_ROLE
from tests.comms.receivers import HttpReceiver, MailServer, http_receiver, mail_server
from tests.faults.cast import PASSWORD, SECRET
from tests.running import ROOT, Running, wait_until

SHORT: Final = {
    "DEMO": "0",
    "WEB_WORKERS": "2",
    "TICK_SECONDS": "0.5",
    "DELIVER_SECONDS": "0.5",
    "PAGE_SECONDS": "0.2",
    "KEEPER_GRACE_SECONDS": "1",
    "HEARTBEAT_SECONDS": "0.5",
    "LEASE_SECONDS": "5",
    "API_PER_MINUTE": "1000000",
}
TAKERS: Final = 20


@dataclass
class Place:
    """A desk, whom to ask, and where its words arrive."""

    running: Running
    mail: MailServer
    hooks: HttpReceiver
    people: dict[str, dict[str, str]] = field(default_factory=dict)

    def api(self, name: str = "Sarah", *, timeout: float = 10.0) -> httpx.Client:
        """A program of this person's."""
        return httpx.Client(
            base_url=f"{self.running.url}/api/v1",
            headers={"Authorization": f"Bearer {self.people[name]['token']}"},
            timeout=timeout,
            trust_env=False,
        )

    def browser(self, name: str = "Sarah") -> httpx.Client:
        """A browser in which this person is signed in, with the form token at hand in `headers`."""
        client = httpx.Client(base_url=self.running.url, timeout=10.0, trust_env=False)
        client.get("/sign-in/")
        client.headers["Referer"] = self.running.url
        token = form_token(client.get("/sign-in/").text)
        answer = client.post(
            "/sign-in/",
            data={
                "login": self.people[name]["email"],
                "password": PASSWORD,
                "csrfmiddlewaretoken": token,
            },
        )
        assert answer.status_code == 302, answer.text
        client.headers["X-CSRFToken"] = form_token(client.get("/account/").text)
        return client

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What the database says, as the application's role."""
        with psycopg.connect(self.running.database_url(), autocommit=True) as connection:
            return connection.execute(sql, parameters).fetchall()  # type: ignore[arg-type]  # a test's own words

    def declare(self, severity: int = 4, title: str = "") -> str:
        """A new incident of Sarah's; its key. SEV-4 has no clock that could disturb."""
        title = title or f"Under load {uuid.uuid4().hex[:6]}"
        body = {"severity": severity, "symptom": "writes fail", "services": ["ledger"], "title": title}
        with self.api() as api:
            return str(sent(api, "/incidents", body)["key"])

    def timeline(self, key: str) -> list[dict[str, Any]]:
        """All entries of an incident, as the API tells them."""
        found: list[dict[str, Any]] = []
        with self.api(timeout=30) as api:
            while True:
                after = found[-1]["seq"] if found else 0
                page = api.get(f"/incidents/{key}/timeline", params={"after": after, "limit": 200})
                assert page.status_code == 200, page.text
                if not page.json()["entries"]:
                    return found
                found += page.json()["entries"]

    def web_workers(self) -> list[int]:
        """The processes that answer requests, below the web server's head."""
        return [pid for pid in _children(self.running.pid("web")) if b"granian" in _line(pid)]

    @contextlib.contextmanager
    def without(self, *names: str) -> Generator[None, None, None]:
        """Kill processes and hold them down: the supervisor stands still, so nobody starts them again."""
        supervisor = self.running.process
        assert supervisor is not None
        old = {name: self.running.pid(name) for name in names}
        supervisor.send_signal(signal.SIGSTOP)
        try:
            for pid in old.values():
                os.killpg(pid, signal.SIGKILL)
            yield
        finally:
            supervisor.send_signal(signal.SIGCONT)
            wait_until(
                lambda: all(self.running.pid(name) not in (0, pid) for name, pid in old.items()),
                within=15,
                what=f"{' and '.join(names)} again",
            )

    def another(self, name: str, **environment: str) -> "subprocess.Popen[bytes]":
        """One more beat, keeper or worker beside the desk's own; a "deaf" worker listens where nobody calls."""
        celery = ["-m", "celery", "--app", "incidentdesk", "--quiet"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        command = {
            "beat": [*celery, "beat", "--pidfile", "", "--scheduler", "incidentdesk.beat:Steady"],
            "keeper": ["manage.py", "keeper"],
            "worker": [*celery, "worker", *quiet],
            "deaf": [*celery, "worker", *quiet, "--queues", "nobody-calls-here"],
        }
        return subprocess.Popen(
            [sys.executable, *command[name]],
            cwd=ROOT,
            env={**self.running.environment, "DESK_PROCESS": name.replace("deaf", "worker"), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def make_database(self, name: str) -> None:
        """One more empty database, with the default privileges that operations.md asks for. As the superuser, once."""
        owner = self.running.database_url(owner=True)
        secrets = json.loads((self.running.data_dir / "postgres.secret").read_text())
        root = re.sub(rf"{OWNER}:[^@]*@", f"{ROOT_ROLE}:{secrets[ROOT_ROLE]}@", owner).replace(
            "/desk?", "/postgres?"
        )
        with psycopg.connect(root, autocommit=True) as connection:
            made = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(OWNER))
            connection.execute(made)
        with psycopg.connect(owner.replace("/desk?", f"/{name}?"), autocommit=True) as connection:
            for privileges in ("SELECT, INSERT, UPDATE, DELETE ON TABLES", "USAGE, SELECT ON SEQUENCES"):
                given = sql.SQL("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {} TO {}")
                connection.execute(given.format(sql.SQL(privileges), sql.Identifier(APPLICATION)))  # type: ignore[arg-type]

    @contextlib.contextmanager
    def unanswered(self) -> Generator[None, None, None]:
        """What arrives while the block runs gets its answer only at its end: until then it is on its way."""
        self.mail.held = self.hooks.held = True
        try:
            yield
        finally:
            self.mail.held = self.hooks.held = False

    def is_quiet(self) -> bool:
        """Whether no message waits or is on its way."""
        return not self.rows("SELECT 1 FROM comms_message WHERE state IN ('pending', 'leased') LIMIT 1")

    def verified(self, *, since: int = 0) -> None:
        """Every webhook behind the first `since` carries a good signature; one is good for five minutes."""
        for receipt in self.hooks.receipts[since:]:
            Webhook(SECRET).verify(receipt.body, receipt.headers)


@contextlib.contextmanager
def place(**environment: str) -> Generator[Place, None, None]:
    """A desk with its receivers while the block runs. It is filled with nothing but the cast.

    `DEADMAN_PATH` makes the receiver its monitor, under that path.
    """
    with mail_server() as mail, http_receiver() as hooks:
        if path := environment.pop("DEADMAN_PATH", ""):
            environment["DEADMAN_URL"] = hooks.url(path)
        own = {
            **SHORT,
            "SMTP_URL": f"smtp://127.0.0.1:{mail.port}",
            "OUTBOUND_ALLOW": hooks.place,
            **environment,
        }
        running = Running(**own)
        (running.data_dir / "demo-filled").touch()
        try:
            running.start()
            made = subprocess.run(
                [sys.executable, "-m", "tests.faults.cast", hooks.place, str(TAKERS)],
                cwd=ROOT,
                env={**running.environment, "DESK_PROCESS": "command"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert made.returncode == 0, made.stderr
            yield Place(running, mail, hooks, json.loads(made.stdout))
        finally:
            running.close()


def sent(api: httpx.Client, path: str, body: dict[str, Any], *, key: str = "") -> dict[str, Any]:
    """A write that must succeed: its answer."""
    answer = api.post(path, json=body, headers={"Idempotency-Key": key or str(uuid.uuid4())})
    assert answer.status_code == 200, f"{path}: {answer.text}"
    told: dict[str, Any] = answer.json()
    return told


def form_token(page: str) -> str:
    """The form token that a page carries."""
    return page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]


def at_once(count: int, act: Any) -> list[Any]:
    """Call `act(number)` in so many threads that begin together; what they returned, in order. Raises what one raised."""
    gate, results = threading.Barrier(count), [None] * count
    failures: list[BaseException] = []

    def one(number: int) -> None:
        gate.wait()
        try:
            results[number] = act(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _line(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""

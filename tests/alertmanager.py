"""A real Alertmanager on loopback: Debian's binary, fetched once into a cache and unpacked, no root needed.

Where it cannot be had, `binary()` is None and tests use the recorded requests in `tests/oncall/recorded/`.
Record them anew with `python -m tests.alertmanager`.
"""

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

PACKAGE: Final = "prometheus-alertmanager"
RECORDED: Final = Path(__file__).parent / "oncall" / "recorded"
EXTERNAL_URL: Final = "http://alertmanager.example:9093"
_TEMPLATES: Final = b"/usr/share/prometheus/alertmanager"
_TEMPLATES_HERE: Final = (
    b"usr/share/prometheus//alertmanager"  # as long as the other, and below the working folder
)
_CONFIG: Final = """\
route:
  receiver: desk
  group_by: [service]
  group_wait: {wait}
  group_interval: {interval}
  repeat_interval: 1h
receivers:
  - name: desk
    webhook_configs:
      - url: {url}
        send_resolved: true
        http_config:
          authorization:
            credentials: {token}
"""


Told = tuple[Mapping[str, str], Mapping[str, str]]
"""An alert as a rule tells it: labels and annotations."""


@cache
def binary() -> Path | None:
    """The program: an installed one, the cached one, or one fetched now; None where none can be had."""
    installed = shutil.which(PACKAGE)
    if installed:
        return Path(installed)
    home = Path(
        os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME") or tempfile.gettempdir()) / ".cache"
    )
    place = home / "incident-desk-tests" / PACKAGE
    program = place / "usr" / "bin" / PACKAGE
    if not program.exists() and not _fetch(place):
        return None
    return program if program.exists() else None


def _fetch(place: Path) -> bool:
    """Download Debian's package and unpack it; a half-made folder is never left under its final name."""
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        try:
            subprocess.run(
                ["apt-get", "download", PACKAGE], cwd=folder, check=True, capture_output=True, timeout=60
            )
            package = next(Path(folder).glob("*.deb"))
            subprocess.run(
                ["dpkg", "-x", package, f"{folder}/out"], check=True, capture_output=True, timeout=60
            )
            _look_beside(Path(folder) / "out" / "usr" / "bin" / PACKAGE)
            (Path(folder) / "out").rename(place)
        except (subprocess.SubprocessError, StopIteration, OSError):
            return place.exists()
    return True


def _look_beside(program: Path) -> None:
    """Debian's build reads its templates below /usr/share; let the unpacked copy find them below its own folder."""
    program.write_bytes(program.read_bytes().replace(_TEMPLATES, _TEMPLATES_HERE))


class Alertmanager:
    """One running Alertmanager that notifies `url` with a bearer token. Use it as a context."""

    def __init__(self, url: str, token: str, *, port: int, wait: str = "0s", interval: str = "1s") -> None:
        program = binary()
        assert program is not None, "there is no Alertmanager here"
        self.api = f"http://127.0.0.1:{port}/api/v2"
        self._home = program.parents[2]
        self._folder = Path(tempfile.mkdtemp(prefix="desk-alertmanager-"))
        config = self._folder / "config.yml"
        config.write_text(_CONFIG.format(url=url, token=token, wait=wait, interval=interval))
        self._command = [
            str(program),
            f"--config.file={config}",
            f"--storage.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--web.external-url={EXTERNAL_URL}",
            "--web.route-prefix=/",
            "--cluster.listen-address=",
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it and wait until it answers."""
        log = (self._folder / "log").open("wb")
        self._process = subprocess.Popen(
            self._command, cwd=self._home, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        log.close()
        for _ in range(100):
            try:
                if httpx.get(f"{self.api}/status", timeout=2, trust_env=False).status_code == 200:
                    return self
            except httpx.HTTPError:
                time.sleep(0.1)
        said = (self._folder / "log").read_text()
        self.__exit__(None, None, None)
        raise AssertionError(f"Alertmanager did not start:\n{said}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it and remove its folder."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)
        shutil.rmtree(self._folder, ignore_errors=True)

    def fire(self, *alerts: "Told", since: datetime) -> None:
        """Say that alerts fire, as Prometheus does."""
        self._post(alerts, startsAt=since.isoformat())

    def resolve(self, *alerts: "Told", since: datetime, at: datetime) -> None:
        """Say that they have ended."""
        self._post(alerts, startsAt=since.isoformat(), endsAt=at.isoformat())

    def _post(self, alerts: "tuple[Told, ...]", **times: str) -> None:
        source = {"generatorURL": "http://prometheus.example/graph?g0.expr=errors"}
        body = [
            {"labels": dict(labels), "annotations": dict(notes), **source, **times}
            for labels, notes in alerts
        ]
        httpx.post(f"{self.api}/alerts", json=body, timeout=5, trust_env=False).raise_for_status()


@dataclass
class Receiver:
    """A tiny web server that keeps what it is sent. Use it as a context."""

    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> Self:
        """Listen on a free port."""
        kept = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                kept.headers.append(dict(self.headers))
                kept.bodies.append(body)
                self.send_response(202)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, status: str, *, seconds: float = 15) -> dict[str, Any]:
        """The first notification of this status. Raises AssertionError when none comes in time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for body in list(self.bodies):
                found: dict[str, Any] = json.loads(body)
                if found["status"] == status:
                    return found
            time.sleep(0.05)
        raise AssertionError(f"No notification of status {status!r} came; {len(self.bodies)} others did.")


ERRORS: Final[Told] = (
    {"alertname": "WriteErrors", "service": "ledger", "severity": "critical", "instance": "db-1"},
    {"summary": "Writes fail on the primary", "value": "1240/min"},
)
LAG: Final[Told] = (
    {"alertname": "ReplicationLag", "service": "ledger", "severity": "warning", "instance": "db-2"},
    {"summary": "Replica behind by 90 s", "value": "90 s"},
)


def real_requests(now: datetime, *, port: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
    """What a real Alertmanager sends for a firing and for its end: both bodies, and the headers of the first."""
    with Receiver() as receiver, Alertmanager(receiver.url, "a-token", port=port, wait="2s") as source:
        source.fire(ERRORS, LAG, since=now)
        firing = receiver.wait_for("firing")
        source.resolve(ERRORS, LAG, since=now, at=now)
        return firing, receiver.wait_for("resolved"), receiver.headers[0]


if __name__ == "__main__":
    from datetime import UTC

    from incidentdesk.kernel.embedded.valkey import free_port

    RECORDED.mkdir(exist_ok=True)
    fired, over, sent_with = real_requests(datetime.now(UTC).replace(microsecond=0), port=free_port())
    for name, body in (("firing", fired), ("resolved", over)):
        (RECORDED / f"{name}.json").write_text(json.dumps(body, indent=2) + "\n")
    print(sent_with)

"""G14 and G15 on a desk of its own with everything on the cores there are: many viewers, idle connections, a storm of alerts.

`python -m bench.crowd viewers|storm [viewers] [seconds]` prints its figures as JSON; `bench.__main__` makes rows of them.
"""

import json
import os
import signal
import socket
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import house, machine, stage, viewers, web
from bench.client import load, post
from bench.house import Desk
from bench.viewers import Viewer
from tests.running import Running

ROLES = (("engineer",), ("engineer", "ic"), ("manager",), ("support",))
ZONES = ("UTC", "Europe/Berlin")


def main() -> None:
    """Start a desk as shipped on all cores, measure one of the two, stop it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the desk is stopped too
    what, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    with tempfile.TemporaryDirectory(prefix="desk-crowd-") as folder:
        Path(folder).chmod(0o711)
        data = Path(folder) / "data"
        data.mkdir(mode=0o711)
        desk = house.start(Running(data_dir=data, WEB_WORKERS=str(os.cpu_count() or 1)), None)
        try:
            stage.connect(desk)
            found = _viewers(desk, count, seconds) if what == "viewers" else _storm(desk, count)
        finally:
            desk.close()
    print(json.dumps(found))


def _viewers(desk: Desk, count: int, seconds: float) -> dict[str, Any]:
    incident, key = stage.room(50)
    visitor = stage.sign_in("sarah.okafor@northline.example")
    path, after = f"/incidents/{key}/live/", stage.rev(incident)
    crowd = [Viewer(desk.port, cookies, path, after) for cookies in _sessions(2 * count)]

    def acts() -> Iterator[bytes]:
        while True:
            yield web.entry(key, visitor)

    before = machine.cpu(desk.all_pids())
    watched = viewers.watch(desk.port, crowd[:count], every=3.0, seconds=seconds, acts=acts())
    used = (machine.cpu(desk.all_pids()) - before) / seconds
    lines = _lines(incident, after, before=6.0)
    found: dict[str, Any] = {
        "p50": watched.within(0.50, watched.polls), "p95": watched.within(0.95, watched.polls),
        "p99": watched.within(0.99, watched.polls), "act": watched.within(0.95, watched.acts),
        "latest": watched.latest(lines), "lines": len(lines), "polls": len(watched.polls), "cores": used,
        "refused": watched.failed + sum(n for status, n in watched.statuses.items() if status not in (200, 204)),
        "statuses": dict(watched.statuses),
    }  # fmt: skip
    hook = _alerts()
    found["alerts"] = []
    later = stage.rev(incident)
    for each in crowd:
        each.after = later
    more = viewers.watch(
        desk.port, crowd, every=3.0, seconds=min(seconds, 20.0), acts=acts(),
        between=lambda so_far: found["alerts"].append(viewers.alert_in(desk.port, next(hook))) if so_far > 4 else None,
    )  # fmt: skip
    found["refused_more"] = more.failed + sum(
        n for status, n in more.statuses.items() if status not in (200, 204)
    )
    found["p95_more"] = more.within(0.95, more.polls)
    found |= _idle(desk, hook)
    return found


def _idle(desk: Desk, hook: Iterator[bytes]) -> dict[str, Any]:
    held = [socket.create_connection(("127.0.0.1", desk.port), timeout=15) for _ in range(3_000)]
    try:
        ready = [viewers.page_in(desk.port, "/readyz") for _ in range(5)]
        return {
            "idle_ready": ready,
            "idle_alert": [viewers.alert_in(desk.port, next(hook)) for _ in range(5)],
        }
    finally:
        for each in held:
            each.close()


def _sessions(count: int) -> list[str]:
    """So many signed-in people whom no record names, of several roles and zones: their cookies."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from people.models import User
    from people.sessions import SessionStore

    people = User.objects.bulk_create(
        User(email=f"viewer-{n}@bench.example", name=f"Viewer {n}", password="!", roles=list(ROLES[n % len(ROLES)]),
             zone=ZONES[n // len(ROLES) % len(ZONES)])
        for n in range(count)
    )  # fmt: skip
    found = []
    for person in people:
        store = SessionStore()
        store[SESSION_KEY], store[BACKEND_SESSION_KEY] = str(person.pk), settings.AUTHENTICATION_BACKENDS[0]
        store[HASH_SESSION_KEY] = person.get_session_auth_hash()
        store.create()
        found.append(
            f"{settings.SESSION_COOKIE_NAME}={store.session_key}; {settings.CSRF_COOKIE_NAME}={uuid.uuid4().hex}"
        )
    return found


def _lines(incident: int, after: int, *, before: float) -> list[tuple[float, int]]:
    """The entries since a cursor but for those of the last seconds: when each was written, and its cursor."""
    from incidentdesk.kernel import sql

    rows = sql.run(
        "SELECT extract(epoch FROM written_at)::float8, rev FROM incidents_timelineentry "
        "WHERE incident_id = %b AND rev > %b ORDER BY rev", [incident, after],
    )  # fmt: skip
    last = time.time() - before
    return [(at, rev) for at, rev in rows if at < last]


def _alerts(groups: int = 1, severity: str = "warning") -> Iterator[bytes]:
    head, number = f"Authorization: Bearer {stage.token()}\r\n", 0
    while True:
        body = web.alert(uuid.uuid4().hex[:16], f"group-{number % groups}")
        number += 1
        body = body.replace(b'"severity": "warning"', f'"severity": "{severity}"'.encode())
        yield post("/hooks/alertmanager/", body, kind="application/json", headers=head)


def _storm(desk: Desk, count: int) -> dict[str, Any]:
    """`count` new critical alerts in 50 groups, by sixteen connections; then a minute for the pages to go out."""
    from incidentdesk.kernel import sql

    began = time.time()
    sample = load(desk.port, _alerts(50, "critical"), connections=16, count=count, expect=202)
    until = time.time() + 75
    while time.time() < until and not _settled():
        time.sleep(1)
    rows = sql.run("SELECT dest, extract(epoch FROM coalesce(sent_at, first_attempt_at))::float8 FROM comms_message "
                   "WHERE dedupe_key LIKE 'page%%' AND coalesce(sent_at, first_attempt_at) IS NOT NULL")  # fmt: skip
    return {
        "seconds": sample.seconds, "p99": sample.latency(0.99), "first": min((at for _, at in rows), default=float("inf")) - began,
        "most": _most(rows), "pages": len(rows),
    }  # fmt: skip


def _settled() -> bool:
    from incidentdesk.kernel import sql

    (left,) = sql.run("SELECT count(*) FROM comms_message WHERE state IN ('pending', 'leased')")[0]
    return left == 0


def _most(rows: list[tuple[str, float]]) -> int:
    """The most messages that reached one person within sixty seconds."""
    by_person: dict[str, list[float]] = {}
    for dest, at in rows:
        by_person.setdefault(dest, []).append(at)
    found: Counter[str] = Counter()
    for dest, times in by_person.items():
        times.sort()
        for number, at in enumerate(times):
            found[dest] = max(found[dest], sum(1 for each in times[number:] if each < at + 60))
    return max(found.values(), default=0)


if __name__ == "__main__":
    main()

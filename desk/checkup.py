"""`manage.py check_desk`: each part that a page needs, tried once, with a sentence that says what to do."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import httpx
import redis
from django.conf import settings

from comms import delivery
from comms.channels import Parcel, Result, email
from desk import auditor, probing, readiness, waking
from incidentdesk.kernel import clock, sql

FREE_BYTES: Final = 500 * 1024 * 1024
CLOCK_SECONDS: Final = 2.0
SECONDS: Final = 5.0


@dataclass(frozen=True)
class Found:
    """What one check came to: its name, whether it is well, and a sentence."""

    name: str
    well: bool
    text: str


def run(*, send_to: str = "", now: datetime) -> Iterator[Found]:
    """All checks, one after the other. With `send_to` a real mail goes to that address. Raises nothing of a check's own."""
    for name, check in CHECKS.items():
        yield from _tried(name, check, now)
    yield from _tried("mail", lambda _: _send(send_to), now)


def _tried(
    name: str, check: Callable[[datetime], Iterator[tuple[bool, str]]], now: datetime
) -> Iterator[Found]:
    try:
        for well, text in check(now):
            yield Found(name, well, text)
    except Exception as error:  # a check that fails is its own finding, and the next one is made
        words = next(iter(str(error).strip().splitlines()), "")
        yield Found(name, False, f"The check itself failed ({type(error).__name__}). {words}".strip())


def _database(now: datetime) -> Iterator[tuple[bool, str]]:
    readiness.forget()
    found = readiness.problems()
    yield from ((False, each) for each in found)
    if not found:
        ((version, most),) = sql.run(
            "SELECT current_setting('server_version'), current_setting('max_connections')::int"
        )
        yield True, f"PostgreSQL {version} answers, with this version's tables and rights."
        needed = _connections()
        yield (
            needed < most,
            (
                f"This host's processes may open {needed} of {most} connections (max_connections)."
                if needed < most
                else f"This host's processes may open {needed} connections and the server allows {most}. "
                "Raise max_connections, or lower WEB_WORKERS, WEB_THREADS or WORKER_THREADS."
            ),
        )


def _connections() -> int:
    """What web, worker and keeper of this host may hold at once; beat holds none."""
    web = int(os.environ.get("WEB_WORKERS") or os.cpu_count() or 1) * (settings.WEB_THREADS + 2)
    return web + settings.WORKER_THREADS + 2 + 4


def _redis(now: datetime) -> Iterator[tuple[bool, str]]:
    try:
        server = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
        server.ping()
    except redis.RedisError as error:
        yield (
            False,
            f"Redis does not answer ({type(error).__name__}). Pages go out some seconds later. Look at REDIS_URL.",
        )
        return
    policy = _setting(server, "maxmemory-policy")
    yield policy in ("", "noeviction"), (
        "Redis answers." if policy in ("", "noeviction") else
        f"Redis drops keys when it is full ({policy}). Set maxmemory-policy noeviction."
    )  # fmt: skip


def _setting(server: "redis.Redis", name: str) -> str:
    try:
        found = server.config_get(name)
    except redis.RedisError:  # a managed service may not let anybody ask
        return ""
    return str(found.get(name, "")) if isinstance(found, dict) else ""


def _clock(now: datetime) -> Iterator[tuple[bool, str]]:
    offset = time.time() - clock.now().timestamp()  # noqa: TID251  (the difference is what is asked)
    well = abs(offset) <= CLOCK_SECONDS
    yield (
        well,
        f"This host's clock is {abs(offset):.1f} s {'ahead of' if offset > 0 else 'behind'} the database's."
        + ("" if well else " Run a time service (chrony, systemd-timesyncd) on both."),
    )


def _disk(now: datetime) -> Iterator[tuple[bool, str]]:
    folder = settings.DATA_DIR
    probe = folder / ".check-desk"
    try:
        probe.write_text("x")
        probe.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        yield (
            False,
            f"DATA_DIR ({folder}) cannot be written: {error.strerror}. Give it to the user of the desk.",
        )
        return
    yield (
        free >= FREE_BYTES,
        f"DATA_DIR has {free // 1024**2} MiB free."
        + ("" if free >= FREE_BYTES else " Free some space: logs and the embedded database stop without it."),
    )


def _address(now: datetime) -> Iterator[tuple[bool, str]]:
    """Ask ourselves through the front door, and look at what arrived."""
    try:
        answer = httpx.get(f"{settings.BASE_URL}{probing.path(now=now)}", timeout=SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        yield (
            False,
            f"{settings.BASE_URL} does not answer from here ({type(error).__name__}). Look at DNS, proxy and web.",
        )
        return
    if answer.is_redirect:
        yield False, f"{settings.BASE_URL} only redirects. The proxy must set X-Forwarded-Proto: https."
        return
    if answer.status_code != 200:
        yield (
            False,
            f"{settings.BASE_URL} answers {answer.status_code}. Does the proxy pass the path and the Host header on?",
        )
        return
    yield from probing.judge(answer.json())


def _processes(now: datetime) -> Iterator[tuple[bool, str]]:
    found = auditor.faults(now=now)
    yield from ((False, each) for each in found)
    if not found:
        yield True, "Worker, beat and keeper live. Nothing is late."


def _monitor(now: datetime) -> Iterator[tuple[bool, str]]:
    well = bool(settings.DEADMAN_URL)
    yield well, (
        "A monitor outside is pinged while all is well." if well else
        "Nobody outside would notice that this desk is down. Set DEADMAN_URL."
    )  # fmt: skip


def _waking(now: datetime) -> Iterator[tuple[bool, str]]:
    found = waking.gaps(now=now)
    yield from ((False, each) for each in found)
    if not found:
        yield True, "Every team that owns a service can be paged."


def _send(address: str) -> Iterator[tuple[bool, str]]:
    server = delivery.mail_server()
    if not address:
        yield True, "Not tried. Add --send-test ADDRESS to send one mail."
        return
    if not server.host:
        yield False, "SMTP_URL is not set, so no mail can be sent."
        return
    now = clock.now()
    payload = {
        "subject": "Test of the Incident Desk",
        "body": f"This mail was sent by manage.py check_desk at {now:%Y-%m-%d %H:%M:%S} UTC. Mail from this desk reaches you.\n",
    }
    outcome = email.send(Parcel(f"check-{int(now.timestamp())}", address, payload), server=server, now=now)
    sent = outcome.result is Result.SENT
    yield (
        sent,
        (
            f"The mail server took a mail to {address}. Look whether it arrives."
            if sent
            else f"The mail to {address} was not taken. {outcome.detail} Look at SMTP_URL and MAIL_FROM."
        ),
    )


CHECKS: Final[dict[str, Callable[[datetime], Iterator[tuple[bool, str]]]]] = {
    "database": _database,
    "redis": _redis,
    "clock": _clock,
    "disk": _disk,
    "address": _address,
    "processes": _processes,
    "monitor": _monitor,
    "waking": _waking,
}

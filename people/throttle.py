"""The throttle of sign-in, counted in PostgreSQL per account and per address (S11).

Nobody is locked out by somebody else: a few failures from one address stop that address for that account only, and
the wide limit on an account spares browsers that have signed in to it before (their cookie says so, signed). Keys are
digests, so no address or e-mail is kept. A try is counted before the password is looked at, so tries in parallel
count too, and given back when it succeeds.
"""

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing
from django.db import connection
from django.http import HttpRequest, HttpResponse

from incidentdesk.kernel.client_address import client_address
from people.models import Throttle, User

_SALT = "people.throttle.device"
_DEVICE_DAYS = 365


@dataclass(frozen=True)
class Limit:
    """At most `failures` within a window of `per`."""

    failures: int
    per: timedelta


PAIR = Limit(5, timedelta(minutes=5))  # one account from one address, or from one known device
ADDRESS = Limit(30, timedelta(minutes=10))  # one address, whatever the account
ACCOUNT = Limit(100, timedelta(hours=1))  # one account, from whichever unknown devices


def take(request: HttpRequest, email: str, *, now: datetime) -> bool:
    """Count one try; False when any of its buckets is full. The answer does not depend on whether the account exists."""
    counted = [_count(key, limit, now) <= limit.failures for key, limit in _buckets(request, email)]
    return all(counted)  # every bucket counts the try, also after a full one


def give_back(request: HttpRequest, email: str) -> None:
    """Forget the tries of this account and address, and the one that succeeded in the wider buckets."""
    pair, *wider = [key for key, _ in _buckets(request, email)]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM people_throttle WHERE key = %s", [pair])
        cursor.execute(
            "UPDATE people_throttle SET count = count - 1 WHERE key = ANY(%s) AND count > 0", [list(wider)]
        )


def remember_device(response: HttpResponse, user: User) -> None:
    """Mark this browser as one that has signed in to the account: others' failures no longer stop it."""
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        signing.dumps(str(user.uid), salt=_SALT),
        max_age=_DEVICE_DAYS * 86400,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def prune(*, now: datetime) -> int:
    """Delete the buckets whose window is over; how many."""
    return Throttle.objects.filter(opened_at__lt=now - ACCOUNT.per).delete()[0]


def _buckets(request: HttpRequest, email: str) -> list[tuple[str, Limit]]:
    account = email.strip().lower()
    device = _known_device(request, account)
    if device:
        return [(_key("device", account, device), PAIR)]
    address = network(request)
    return [
        (_key("pair", account, address), PAIR),
        (_key("address", address), ADDRESS),
        (_key("account", account), ACCOUNT),
    ]


def _known_device(request: HttpRequest, account: str) -> str:
    cookie = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    try:
        uid = signing.loads(cookie, salt=_SALT, max_age=timedelta(days=_DEVICE_DAYS)) if cookie else ""
    except signing.BadSignature:
        return ""
    known = bool(uid) and User.objects.filter(uid=uid, email=account).exists()
    return hashlib.sha256(cookie.encode()).hexdigest() if known else ""


def network(request: HttpRequest) -> str:
    """The address a try counts against; an IPv6 customer has a /64 to choose from, so that counts as one."""
    text = client_address(request)
    if ":" in text:
        return str(ipaddress.ip_network((text, 64), strict=False))
    return text or "unknown"


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _count(key: str, limit: Limit, now: datetime) -> int:
    """Add one to the bucket in one statement, opening a new window when the old one is over."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO people_throttle AS t (key, opened_at, count) VALUES (%(key)s, %(now)s, 1)
            ON CONFLICT (key) DO UPDATE SET
                count = CASE WHEN t.opened_at <= %(over)s THEN 1 ELSE t.count + 1 END,
                opened_at = CASE WHEN t.opened_at <= %(over)s THEN %(now)s ELSE t.opened_at END
            RETURNING count
            """,
            {"key": key, "now": now, "over": now - limit.per},
        )
        row = cursor.fetchone()
    return int(row[0])

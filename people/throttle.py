"""The throttle of sign-in, counted in PostgreSQL per account and per address (S11).

Nobody is locked out by somebody else. Each try has buckets from narrow to wide, and the first full one ends it: what is
refused there counts in no wider one, so one address can never use up what an account has for everybody. The wide limit
on an account spares browsers that have signed in to it before (their cookie says so, signed). A try is counted before
the password is looked at, so tries in parallel count too, and given back when it succeeds.

Strangers cannot make the table grow: a bucket lives in one of SLOTS rows of its kind, chosen by a digest under our key,
and takes the row over from whichever bucket was there before. Keys are digests, so no address or e-mail is kept.
"""

import hmac
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from django.conf import settings
from django.core import signing
from django.db import connection
from django.http import HttpRequest, HttpResponse

from incidentdesk.kernel.client_address import client_address
from incidentdesk.kernel.host_names import known_mail
from people.models import Throttle, User

_SALT = "people.throttle.device"
_DEVICE_DAYS = 365
SLOTS: Final = 16_384  # rows of a kind at most; that one is hit by chance is rarer than a password guessed


@dataclass(frozen=True)
class Limit:
    """At most `failures` within a window of `per`."""

    failures: int
    per: timedelta


PAIR = Limit(5, timedelta(minutes=5))  # one account from one address, or from one known device
SITE_PAIR = Limit(20, timedelta(hours=1))  # one account from one site: an IPv4 address, an IPv6 /48
ADDRESS = Limit(30, timedelta(minutes=10))  # one address, whatever the account
SITE = Limit(120, timedelta(minutes=10))  # one site, whatever the account
ACCOUNT = Limit(100, timedelta(hours=1))  # one account, from whichever unknown devices


@dataclass(frozen=True)
class Bucket:
    """What is counted, and the row it is counted in."""

    row: str
    key: str
    limit: Limit


def take(request: HttpRequest, email: str, *, now: datetime) -> bool:
    """Count one try; False when one of its buckets is full, and then nothing wider has counted it.

    The answer does not depend on whether the account exists.
    """
    buckets = _buckets(request, email)
    if _left(buckets, now):
        return False
    return all(_count(bucket, now) <= bucket.limit.failures for bucket in buckets)


def minutes_left(request: HttpRequest, email: str, *, now: datetime) -> int:
    """How many minutes until the next try is allowed, rounded up; 0 when it is."""
    return ceil(_left(_buckets(request, email), now) / timedelta(minutes=1))


def sentence(minutes: int) -> str:
    """What the person is told who has to wait so many minutes."""
    return f"Too many tries. Wait {max(1, minutes)} minute{'' if minutes <= 1 else 's'} and try again."


def give_back(request: HttpRequest, email: str) -> None:
    """Forget the tries of this account and address, and the one that succeeded in the wider buckets."""
    pair, *wider = _buckets(request, email)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM people_throttle WHERE key = %s AND bucket = %s", [pair.row, pair.key])
        cursor.execute(
            "UPDATE people_throttle SET count = count - 1 WHERE bucket = ANY(%s) AND key = ANY(%s) AND count > 0",
            [[bucket.key for bucket in wider], [bucket.row for bucket in wider]],
        )


def remember_device(response: HttpResponse, user: User) -> None:
    """Mark this browser as one that has signed in to the account: others' failures no longer stop it."""
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        signing.dumps([str(user.uid), user.device_epoch], salt=_SALT),
        max_age=_DEVICE_DAYS * 86400,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def prune(*, now: datetime) -> int:
    """Delete the buckets whose window is over; how many."""
    return Throttle.objects.filter(opened_at__lt=now - ACCOUNT.per).delete()[0]


def _buckets(request: HttpRequest, email: str) -> list[Bucket]:
    """The buckets of one try, narrow before wide."""
    account = known_mail(email)
    device = _known_device(request, account)
    if device:
        return [_bucket("device", PAIR, account, device)]
    address = network(request)
    near, site = _bucket("pair", PAIR, account, address), _site(address)
    return [
        near,
        _bucket("site-pair", SITE_PAIR, account, site),
        _bucket("address", ADDRESS, address),
        *([_bucket("site", SITE, site)] if site != address else []),
        _bucket("account", ACCOUNT, account),
    ]


def _known_device(request: HttpRequest, account: str) -> str:
    cookie = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    try:
        said = signing.loads(cookie, salt=_SALT, max_age=timedelta(days=_DEVICE_DAYS)) if cookie else ""
    except signing.BadSignature:
        return ""
    # A text alone is of a time when nothing was ever forgotten.
    uid, epoch = said if isinstance(said, list) else (said, 0)
    known = bool(uid) and User.objects.filter(uid=uid, email=account, device_epoch=epoch).exists()
    return cookie if known else ""


def network(request: HttpRequest) -> str:
    """The address a try counts against; an IPv6 customer has a /64 to choose from, so that counts as one."""
    text = client_address(request)
    if ":" in text:
        return str(ipaddress.ip_network((text, 64), strict=False))
    return text or "unknown"


def slot(*parts: str) -> int:
    """One of SLOTS places for these parts. Nobody without our key can choose two that share one."""
    return int.from_bytes(_digest(*parts)[:4]) % SLOTS


def _site(address: str) -> str:
    """What one customer of a provider holds: many a /64, and no more than a /48."""
    if "/" not in address:
        return address
    return str(ipaddress.ip_network(address).supernet(new_prefix=48))


def _bucket(kind: str, limit: Limit, *parts: str) -> Bucket:
    return Bucket(f"{kind}.{slot(kind, *parts)}", _digest(kind, *parts).hex(), limit)


def _digest(*parts: str) -> bytes:
    return hmac.digest(settings.SECRET_KEY.encode(), "\0".join(parts).encode(), "sha256")


def _left(buckets: list[Bucket], now: datetime) -> timedelta:
    """How long until each of them has a try left; zero when all have. Reads only: a refused try leaves no row behind."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT max(t.opened_at + b.per) FROM unnest(%s::text[], %s::text[], %s::int[], %s::interval[]) AS b(key, bucket, most, per)
            JOIN people_throttle t USING (key, bucket) WHERE t.count >= b.most AND t.opened_at > %s - b.per
            """,
            [
                [bucket.row for bucket in buckets],
                [bucket.key for bucket in buckets],
                [bucket.limit.failures for bucket in buckets],
                [bucket.limit.per for bucket in buckets],
                now,
            ],
        )
        free_at = cursor.fetchone()[0]
    return free_at - now if free_at else timedelta(0)


def _count(bucket: Bucket, now: datetime) -> int:
    """Add one to the bucket in one statement, opening a new window when the old one, or another's, stands in its row."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO people_throttle AS t (key, bucket, opened_at, count) VALUES (%(row)s, %(key)s, %(now)s, 1)
            ON CONFLICT (key) DO UPDATE SET
                count = CASE WHEN t.bucket <> excluded.bucket OR t.opened_at <= %(over)s THEN 1 ELSE t.count + 1 END,
                opened_at = CASE WHEN t.bucket <> excluded.bucket OR t.opened_at <= %(over)s THEN %(now)s ELSE t.opened_at END,
                bucket = excluded.bucket
            RETURNING count
            """,
            {"row": bucket.row, "key": bucket.key, "now": now, "over": now - bucket.limit.per},
        )
        row = cursor.fetchone()
    return int(row[0])

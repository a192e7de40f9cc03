"""API tokens: 256 random bits behind a readable prefix, stored as a digest, shown once (S16).

Unknown, revoked and expired tokens and those of people who were put out take one path with one query that finds
nothing, so neither the answer nor its time tells them apart (F30). A scope is asked again at each use against what the
person is now: whoever loses a role loses with it what their tokens could do by it. Every token has an end.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from django.db.models import QuerySet

from incidentdesk.kernel.errors import Invalid, NotAllowed
from incidentdesk.kernel.text import clean_line
from people import audit
from people.models import ApiToken, User
from people.rights import Right, columns, may
from people.roles import Role, Scope

LIFE: Final = timedelta(days=90)
MACHINE_LIFE: Final = timedelta(days=365)
LONGEST_DAYS: Final = 366
_MARK = "idesk_"
_USE_IS_NOTED_EVERY = timedelta(minutes=1)
_NO_DIGEST = "0" * 64


@dataclass(frozen=True)
class Holders:
    """Who may have a scope: people with one of these roles, service accounts where `machines` says so, or everybody."""

    roles: frozenset[Role] = frozenset()
    machines: bool = True
    everybody: bool = False


_EVERYBODY = Holders(everybody=True)
_ADMINISTRATORS = frozenset({Role.ADMIN})
# What comes in at the hook opens incidents and pages people without asking for anybody's rights in them.
_MAY_PAGE = frozenset(role for role in Role if may(Right.PAGE, columns([role])))

HOLDERS: Final[dict[Scope, Holders]] = {
    Scope.ALERTS_WRITE: Holders(_MAY_PAGE | _ADMINISTRATORS),
    Scope.INCIDENTS_READ: _EVERYBODY,  # each read and each act asks for the person's own rights
    Scope.INCIDENTS_WRITE: _EVERYBODY,
    Scope.STATUS_READ: _EVERYBODY,
    Scope.OPS_READ: Holders(_ADMINISTRATORS),
    Scope.ADMIN: Holders(_ADMINISTRATORS, machines=False),
}

LIVE: Final = """
  SELECT t.id, t.user_id, t.last_used_at FROM people_apitoken t JOIN people_user u ON u.id = t.user_id
  WHERE t.digest = %s::text AND t.revoked_at IS NULL AND t.expires_at > statement_timestamp() AND u.is_active
    AND %s::text = ANY(t.scopes) AND (u.roles && %s::text::varchar[] OR u.is_machine AND %s::bool OR %s::bool)
"""
"""The live token with a text and a scope that its person may have now: for statements that check it and store at once."""


def live(text: str, scope: Scope) -> list[Any]:
    """The parameters of LIVE."""
    return [digest_of(text), *_asked(scope)]


@cache
def _asked(scope: Scope) -> tuple[str, str, bool, bool]:
    holders = HOLDERS[scope]
    roles = ",".join(sorted(role.value for role in holders.roles))
    return scope.value, f"{{{roles}}}", holders.machines, holders.everybody


def open_to(user: User) -> list[Scope]:
    """The scopes that a token of this person may have."""
    return [scope for scope, holders in HOLDERS.items() if _among(user, holders)]


def allows(token: ApiToken, scope: Scope) -> bool:
    """Whether the token was made for this scope and its person, as loaded with it, may have it still."""
    return scope.value in token.scopes and _among(token.user, HOLDERS[scope])


def _among(user: User, holders: Holders) -> bool:
    by_kind = holders.everybody or (user.is_machine and holders.machines)
    return by_kind or not holders.roles.isdisjoint(user.roles)


def ends_at(user: User, *, now: datetime, days: float | None = None) -> datetime:
    """When a token made now ends: after `days`, else after 90, or 365 for a service account. Raises Invalid."""
    if days is None:
        return now + (MACHINE_LIFE if user.is_machine else LIFE)
    if not 0 < days <= LONGEST_DAYS:  # also of what is no number
        raise _invalid(
            "expires_at", f"A token lives more than 0 and at most {LONGEST_DAYS} days. None was made."
        )
    return now + timedelta(days=days)


def make(
    user: User, *, name: str, scopes: Iterable[str], now: datetime, expires_at: datetime | None = None
) -> tuple[str, ApiToken]:
    """Make a token for the person: its text, which cannot be had again, and its row. Without an end it gets the usual one.

    Raises Invalid for an unknown or missing scope, a past end or one too far away, NotAllowed for a scope that the person
    may not have.
    """
    wanted = sorted({str(scope) for scope in scopes})
    unknown = [scope for scope in wanted if scope not in Scope.values]
    if unknown or not wanted:
        raise _invalid("scopes", f"Choose at least one of: {', '.join(Scope.values)}.")
    name = clean_line(name, name="The name", limit=80)
    if not name:
        raise _invalid("name", "Give the token a name, so that it can be told from others.")
    ends = expires_at or ends_at(user, now=now)
    if ends <= now:
        raise _invalid("expires_at", "The token would have ended already.")
    if ends > now + timedelta(days=LONGEST_DAYS):
        raise _invalid("expires_at", f"A token lives at most {LONGEST_DAYS} days. No token was made.")
    beyond = [scope for scope in wanted if scope not in open_to(user)]
    if beyond:
        raise NotAllowed(f"{user.name} may not have a token with the scope {beyond[0]}. No token was made.")
    prefix = f"{_MARK}{secrets.token_hex(3)}"
    text = f"{prefix}_{secrets.token_urlsafe(32)}"
    row = ApiToken.objects.create(
        user=user,
        name=name,
        prefix=prefix,
        digest=digest_of(text),
        scopes=wanted,
        created_at=now,
        expires_at=ends,
    )
    return text, row


def check(text: str, *, now: datetime, address: str = "") -> ApiToken | None:
    """The live token with this text, its person loaded, or None; `allows` says what for. Notes the use once a minute.

    The first use of an hour from its `address` is an entry of the security audit, the rest are counted.
    """
    digest = digest_of(text)
    row = (
        ApiToken.objects.select_related("user")
        .filter(digest=digest, revoked_at__isnull=True, expires_at__gt=now, user__is_active=True)
        .first()
    )
    if not hmac.compare_digest(row.digest if row else _NO_DIGEST, digest) or row is None:
        return None
    if row.last_used_at is None or now - row.last_used_at >= _USE_IS_NOTED_EVERY:
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
        row.last_used_at = now
        source = audit.Source(by=row.user, address=address)
        source.tally(audit.Event.TOKEN_USED, about=f"{row.prefix} from {address or 'here'}", now=now)
    return row


def bearer(header: str) -> str:
    """The token in an `Authorization` header, or an empty text, which no token matches."""
    scheme, _, text = header.partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


def revoke(token: ApiToken, *, now: datetime) -> bool:
    """End a token for good; whether it was this call that did. Twice is safe: the first time stands."""
    return ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now) > 0


def told(token: ApiToken) -> dict[str, str]:
    """What may be said of a token in the audit and in mails: enough to know it, nothing that opens anything."""
    ends = f"{token.expires_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return {"name": token.name, "begins": token.prefix, "scopes": ", ".join(token.scopes), "ends": ends}


def revoke_all(user: User, *, now: datetime) -> int:
    """End every live token of the person; how many. Twice is safe."""
    return _live(user, now).update(revoked_at=now)


def live_of(user: User, *, now: datetime) -> int:
    """How many tokens of the person work."""
    return _live(user, now).count()


def _live(user: User, now: datetime) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(user=user, revoked_at__isnull=True, expires_at__gt=now)


def ending(*, now: datetime, within: timedelta) -> list[ApiToken]:
    """Tokens that programs send alerts or act with and that end within this time, their people loaded."""
    rows = ApiToken.objects.select_related("user").filter(
        revoked_at__isnull=True, expires_at__gt=now, expires_at__lte=now + within, user__is_active=True
    )
    return [
        row for row in rows.order_by("expires_at") if row.user.is_machine or allows(row, Scope.ALERTS_WRITE)
    ]


def digest_of(text: str) -> str:
    """What is stored of a token's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _invalid(field: str, sentence: str) -> Invalid:
    return Invalid(sentence, fields={field: sentence})

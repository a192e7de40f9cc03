"""API tokens: 256 random bits behind a readable prefix, stored as a digest, shown once (S16).

Unknown, revoked and expired tokens and those of people who were put out take one path with one query that finds
nothing, so neither the answer nor its time tells them apart (F30).
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Q

from incidentdesk.kernel.errors import Invalid, NotAllowed
from incidentdesk.kernel.text import clean_line
from people.models import ApiToken, User
from people.roles import Scope

_MARK = "idesk_"
_USE_IS_NOTED_EVERY = timedelta(minutes=1)
_NO_DIGEST = "0" * 64


def open_to(user: User) -> list[Scope]:
    """The scopes that a token of this person may have: to administer is for administrators, the pulse for machines too."""
    closed = set() if user.is_admin else {Scope.ADMIN} if user.is_machine else {Scope.ADMIN, Scope.OPS_READ}
    return [scope for scope in Scope if scope not in closed]


def make(
    user: User, *, name: str, scopes: Iterable[str], now: datetime, expires_at: datetime | None = None
) -> tuple[str, ApiToken]:
    """Make a token for the person: its text, which cannot be had again, and its row.

    Raises Invalid for an unknown or missing scope or a past end, NotAllowed for a scope only administrators give.
    """
    wanted = sorted({str(scope) for scope in scopes})
    unknown = [scope for scope in wanted if scope not in Scope.values]
    if unknown or not wanted:
        raise _invalid("scopes", f"Choose at least one of: {', '.join(Scope.values)}.")
    name = clean_line(name, name="The name", limit=80)
    if not name:
        raise _invalid("name", "Give the token a name, so that it can be told from others.")
    if expires_at is not None and expires_at <= now:
        raise _invalid("expires_at", "The token would have ended already.")
    if not set(wanted) <= {scope.value for scope in open_to(user)}:
        raise NotAllowed("Only administrators may have a token with this scope. No token was made.")
    prefix = f"{_MARK}{secrets.token_hex(3)}"
    text = f"{prefix}_{secrets.token_urlsafe(32)}"
    row = ApiToken.objects.create(
        user=user,
        name=name,
        prefix=prefix,
        digest=digest_of(text),
        scopes=wanted,
        created_at=now,
        expires_at=expires_at,
    )
    return text, row


def check(text: str, *, now: datetime) -> ApiToken | None:
    """The live token with this text, its person loaded, or None. Notes the use, at most once a minute."""
    digest = digest_of(text)
    row = (
        ApiToken.objects.select_related("user")
        .filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now))
        .filter(digest=digest, revoked_at__isnull=True, user__is_active=True)
        .first()
    )
    if not hmac.compare_digest(row.digest if row else _NO_DIGEST, digest) or row is None:
        return None
    if row.last_used_at is None or now - row.last_used_at >= _USE_IS_NOTED_EVERY:
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
        row.last_used_at = now
    return row


def bearer(header: str) -> str:
    """The token in an `Authorization` header, or an empty text, which no token matches."""
    scheme, _, text = header.partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


def revoke(token: ApiToken, *, now: datetime) -> None:
    """End a token for good. Twice is safe: the first time stands."""
    ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now)


def digest_of(text: str) -> str:
    """What is stored of a token's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _invalid(field: str, sentence: str) -> Invalid:
    return Invalid(sentence, fields={field: sentence})

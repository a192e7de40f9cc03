"""Sign-ins and tokens as plain rows for the account pages, times written out once in the reader's zone."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from people import tokens
from people.models import ApiToken, Session, User
from people.roles import Scope


@dataclass(frozen=True)
class DeviceRow:
    """One sign-in. The session key stays out of the page."""

    uid: UUID
    name: str
    trusted: bool
    here: bool
    since: str
    used: str
    ends: str


@dataclass(frozen=True)
class TokenRow:
    """One token; `live` says whether it can still be revoked."""

    uid: UUID
    name: str
    prefix: str
    scopes: str
    used: str
    ends: str
    live: bool


def device(row: Session, *, user: User, key: str | None) -> DeviceRow:
    """A session as a row; `key` is that of the session that asks."""
    return DeviceRow(
        uid=row.uid,
        name=row.device or "Another device",
        trusted=row.trusted,
        here=row.session_key == key,
        since=_written(row.created_at, user),
        used=_written(row.last_seen, user),
        ends=_written(row.expire_date, user),
    )


def token(row: ApiToken, *, user: User, now: datetime) -> TokenRow:
    """A token as a row."""
    return TokenRow(
        uid=row.uid,
        name=row.name,
        prefix=row.prefix,
        scopes=", ".join(_scope(row, Scope(scope)) for scope in row.scopes),
        used=_written(row.last_used_at, user) if row.last_used_at else "never",
        ends=f"revoked {_written(row.revoked_at, user)}"
        if row.revoked_at
        else _written(row.expires_at, user),
        live=row.revoked_at is None and row.expires_at > now,
    )


def _scope(row: ApiToken, scope: Scope) -> str:
    return str(scope.label) if tokens.allows(row, scope) else f"{scope.label} (not with the present roles)"


def _written(moment: datetime, user: User) -> str:
    return moment.astimezone(user.tz).strftime("%d %b %Y, %H:%M %Z")

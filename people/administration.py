"""Changing somebody's account: the change, its entries in the security audit and the mail to the person, together.

The administration and the commands come here; `people.accounts` knows what a single change brings about.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from django.db import transaction

from people import accounts, notices, tokens
from people.audit import Event, Source
from people.models import ApiToken, Team, User
from people.roles import Role


@dataclass(frozen=True)
class Profile:
    """What an administrator decides about a person. The names of the fields are the words for them."""

    name: str
    email: str
    roles: tuple[str, ...]
    team: Team | None
    zone: str
    active: bool

    @classmethod
    def of(cls, user: User) -> "Profile":
        """As it is stored now."""
        return cls(user.name, user.email, tuple(user.roles), user.team, user.zone, user.is_active)


TOLD: Mapping[str, str] = {"email": "Address", "roles": "Roles", "active": "May sign in"}
"""The changes that the person is told of, with their words."""


def create(profile: Profile, *, is_machine: bool = False, source: Source, now: datetime) -> User:
    """Make a person who cannot sign in yet. Raises Invalid naming the field."""
    with transaction.atomic():
        user = accounts.create_user(
            email=profile.email, name=profile.name, roles=profile.roles, team=profile.team, zone=profile.zone,
            is_machine=is_machine,
        )  # fmt: skip
        if not profile.active:
            accounts.set_active(user, False)
        source.record(Event.USER_MADE, about=user.email, details=_words(profile), now=now)
    return user


def change(user: User, wanted: Profile, *, source: Source, now: datetime) -> User:
    """Bring the stored person to what is wanted. Raises Invalid naming the field; nothing is changed then."""
    with transaction.atomic():
        row = User.objects.select_for_update(no_key=True, of=["self"]).select_related("team").get(pk=user.pk)
        before = Profile.of(row)
        accounts.put(row, email=wanted.email, name=wanted.name, team=wanted.team, zone=wanted.zone)
        if set(wanted.roles) != set(before.roles):
            accounts.set_roles(row, wanted.roles)
        if wanted.active != before.active:
            accounts.set_active(row, wanted.active)
        if row.email != before.email or not wanted.active:
            accounts.end_password_links(row, now=now)  # one may lie in a mailbox that is not theirs
        _tell(row, before, Profile.of(row), source, now)
    return row


def set_password(
    user: User,
    password: str,
    *,
    source: Source,
    now: datetime,
    keep: str | None = None,
    keep_tokens: bool = False,
    keep_devices: bool = False,
) -> None:
    """Set a password as `accounts.set_password` does, and tell the person. Raises Invalid when it is too weak."""
    with transaction.atomic():
        ended = accounts.set_password(
            user, password, now=now, keep=keep, keep_tokens=keep_tokens, keep_devices=keep_devices
        )
        details = {"tokens_ended": ended.tokens, "browsers_forgotten": ended.devices}
        source.record(Event.PASSWORD_SET, about=user.email, details=details, now=now)
        lines = ["Password: changed.", f"API tokens ended with it: {ended.tokens}."]
        notices.changed(user, lines, source=source, now=now)


def make_token(
    user: User, *, name: str, scopes: Iterable[str], expires_at: datetime, source: Source, now: datetime
) -> tuple[str, ApiToken]:
    """A token for the person, its text and its row; the person is told. Raises as `tokens.make`."""
    with transaction.atomic():
        text, row = tokens.make(user, name=name, scopes=scopes, expires_at=expires_at, now=now)
        source.record(Event.TOKEN_MADE, about=user.email, details=tokens.told(row), now=now)
        notices.changed(user, [f"Token created: {_token_words(row)}."], source=source, now=now)
    return text, row


def revoke_token(token: ApiToken, *, source: Source, now: datetime) -> bool:
    """End a token for good and tell its person; whether it was this call that ended it. Twice is safe."""
    with transaction.atomic():
        if not tokens.revoke(token, now=now):
            return False
        source.record(Event.TOKEN_REVOKED, about=token.user.email, details=tokens.told(token), now=now)
        notices.changed(token.user, [f"Token revoked: {_token_words(token)}."], source=source, now=now)
    return True


def _token_words(token: ApiToken) -> str:
    return ", ".join(f"{name} {said}" for name, said in tokens.told(token).items())


def _tell(user: User, before: Profile, after: Profile, source: Source, now: datetime) -> None:
    old, new = _words(before), _words(after)
    differ = {name: f"{old[name]} -> {new[name]}" for name in new if old[name] != new[name]}
    if not differ:
        return
    roles = {name: said for name, said in differ.items() if name == "roles"}
    if roles:
        source.record(Event.ROLES_CHANGED, about=before.email, details=roles, now=now)
    if rest := {name: said for name, said in differ.items() if name != "roles"}:
        source.record(Event.USER_CHANGED, about=before.email, details=rest, now=now)
    lines = [f"{TOLD[name]}: {said}" for name, said in differ.items() if name in TOLD]
    if lines:
        notices.changed(user, lines, source=source, now=now, address=before.email)


def _words(profile: Profile) -> dict[str, str]:
    said = {each.name: str(getattr(profile, each.name) or "none") for each in fields(profile)}
    roles = ", ".join(str(Role(role).label) for role in sorted(profile.roles)) or "none"
    return said | {"roles": roles, "active": "yes" if profile.active else "no"}

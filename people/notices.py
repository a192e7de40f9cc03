"""What people are told by mail about their own account: each change of password, address, role or token."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from incidentdesk.kernel.stamps import stamp
from people.audit import Source
from people.models import User

_CHANGED = """{who} changed your account at {at:%Y-%m-%d %H:%M} UTC.

{lines}

If you did not expect this, tell an administrator now.
Your account: {base}/account/
"""
_LINK = """{who} created a link with which you can set your password. It works once and ends at {ends:%Y-%m-%d %H:%M} UTC.

If you did not expect this, tell an administrator now.
"""


def changed(
    user: User, lines: Sequence[str], *, source: Source, now: datetime, address: str | None = None
) -> None:
    """Say what changed, in the transaction of the change. `address` is the mail address from before it.

    Service accounts and people without an address are told nothing.
    """
    body = _CHANGED.format(who=_who(user, source), at=now, lines="\n".join(lines), base=settings.BASE_URL)
    _mail(user, address or user.email, "Your Incident Desk account changed", body, None, now)


def password_link(
    user: User, link: Mapping[str, str], *, ends: datetime, source: Source, now: datetime
) -> None:
    """Send the link itself."""
    body = _LINK.format(who=_who(user, source), ends=ends)
    _mail(user, user.email, "Set your Incident Desk password", body, link, now)


def _who(user: User, source: Source) -> str:
    if source.by is None:
        return "An operator on the server"
    return "You" if source.by.pk == user.pk else f"{source.by.name}, an administrator,"


def _mail(
    user: User, to: str, subject: str, body: str, link: Mapping[str, str] | None, now: datetime
) -> None:
    if user.is_machine or not to:
        return
    thread = f"account.{user.uid}"
    # Two changes of one instant are two mails, such as roles and password by one command, or several tokens at once.
    said = "\0".join((subject, body, to, (link or {}).get("digest", "")))
    key = f"{thread}:{stamp(now)}:{hashlib.sha256(said.encode()).hexdigest()}"
    _mailer()(key=key, to=to, subject=subject, body=body, thread=thread, link=link, now=now)


@cache
def _mailer() -> Any:
    return import_string(settings.PERSONAL_MAIL)

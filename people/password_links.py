"""Links with which a person sets their own password: one use, at most a day, stored as a digest (S15).

Nobody sets a password for somebody else. An administrator makes a link; it goes to the person by mail, or is shown to
the administrator once, for people whose mail does not work.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from incidentdesk.kernel import links
from incidentdesk.kernel.errors import Invalid, Stale
from people import accounts, administration, notices
from people.audit import Event, Source
from people.models import PasswordLink, User

LIFE: Final = timedelta(hours=24)
PATH: Final = "/password/"
_ENDED: Final = (
    "This link was used or has ended. Your password is unchanged. Ask an administrator for a new link."
)


def send(user: User, *, source: Source, now: datetime) -> None:
    """Mail the person a link. Raises Invalid for somebody who cannot sign in."""
    with transaction.atomic():
        nonce, row = _make(user, "mail", source, now)
        link = {"says": "Set your password:", "path": PATH, "nonce": nonce, "digest": row.digest}
        notices.password_link(user, link, ends=row.expires_at, source=source, now=now)


def show(user: User, *, source: Source, now: datetime) -> str:
    """A link to be handed over by other means; it cannot be shown again. The person is told that it was made.

    Raises Invalid for somebody who cannot sign in.
    """
    with transaction.atomic():
        nonce, row = _make(user, "shown", source, now)
        line = (
            f"A link to set your password was shown to them. It ends at {row.expires_at:%Y-%m-%d %H:%M} UTC."
        )
        notices.changed(user, [line], source=source, now=now)
    return f"{settings.BASE_URL}{PATH}{links.token(nonce, row.digest)}/"


def live(*, now: datetime, **which: Any) -> PasswordLink | None:
    """The link that can be used now, with its person; unknown, used and ended are all None."""
    found = PasswordLink.objects.filter(
        ended_at=None, expires_at__gt=now, user__is_active=True, user__is_machine=False, **which
    )
    return found.select_related("user").first()


def use(link: PasswordLink, password: str, *, address: str, now: datetime) -> None:
    """Set the password and end every sign-in. Raises Invalid when it is too weak, and the link stays; Stale when used."""
    user, source = link.user, Source(by=link.user, address=address)
    with transaction.atomic():
        if not PasswordLink.objects.filter(pk=link.pk, ended_at=None).update(ended_at=now):
            raise Stale(_ENDED)
        source.record(Event.PASSWORD_LINK_USED, about=user.email, now=now)
        administration.set_password(user, password, source=source, now=now)


def prune(*, now: datetime) -> int:
    """Delete links that have ended; how many."""
    return PasswordLink.objects.filter(expires_at__lt=now - LIFE).delete()[0]


def _make(user: User, way: str, source: Source, now: datetime) -> tuple[str, PasswordLink]:
    """A new link in place of those that were still open, and its nonce."""
    if user.is_machine or not user.is_active:
        raise Invalid(
            f"{user.name} cannot sign in, so no link was created. Only active people who are no service account can."
        )
    accounts.end_password_links(user, now=now)
    nonce, digest = links.new()
    row = PasswordLink.objects.create(user=user, digest=digest, created_at=now, expires_at=now + LIFE)
    source.record(Event.PASSWORD_LINK_MADE, about=user.email, details={"way": way}, now=now)
    return nonce, row

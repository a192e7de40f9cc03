"""What the audit chain records: one member for each kind of event, with its words for the page (S34)."""

from datetime import timedelta
from typing import Final

from django.db.models import TextChoices


class Event(TextChoices):
    """A kind of event. Values are stored and never change their meaning."""

    SIGNED_IN = "signed_in", "Signed in"
    SIGN_IN_FAILED = "sign_in_failed", "Sign-in failed"
    SIGN_IN_SLOWED = "sign_in_slowed", "Sign-in refused after too many tries"
    SIGNED_OUT = "signed_out", "Signed out"
    SESSIONS_ENDED = "sessions_ended", "Sign-ins ended"
    PASSWORD_CONFIRMED = "password_confirmed", "Password confirmed"
    CONFIRMATION_FAILED = "confirmation_failed", "Password confirmation failed"
    DENIED = "denied", "Access denied"
    USER_MADE = "user_made", "Person created"
    USER_CHANGED = "user_changed", "Person changed"
    ROLES_CHANGED = "roles_changed", "Roles changed"
    PASSWORD_SET = "password_set", "Password changed"
    PASSWORD_LINK_MADE = "password_link_made", "Password link created"
    PASSWORD_LINK_USED = "password_link_used", "Password link used"
    TOKEN_MADE = "token_made", "Token created"
    TOKEN_REVOKED = "token_revoked", "Token revoked"
    TOKEN_USED = "token_used", "Token used"
    TOKEN_REFUSED = "token_refused", "Unknown or ended token"
    LINK_USED = "link_used", "Acknowledge link used"
    LINK_REFUSED = "link_refused", "Acknowledge link refused"
    EXPORTED = "exported", "Data exported"
    ADMINISTERED = "administered", "Administration change"
    COMMAND = "command", "Command"


TEN_MINUTES: Final = timedelta(minutes=10)
WINDOWS: Final = {Event.TOKEN_USED: timedelta(hours=1)}
"""How long repeats of the same event are only counted, where that is not ten minutes."""


def window(event: Event) -> timedelta:
    """How long repeats of the same event are only counted, after the first."""
    return WINDOWS.get(event, TEN_MINUTES)

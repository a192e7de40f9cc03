"""Secrets that must be read again, stored under a key that is not in the database (S18).

The key comes from SECRET_KEY; values under one of SECRET_KEY_FALLBACKS are still read, and `manage.py rotate_secrets`
writes them under the first (S17). What is stored begins with `enc1:`, an empty text stays empty.
"""

import base64
import logging
from functools import lru_cache
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models
from django.db.models.lookups import IsNull, Lookup

MARK: Final = "enc1:"
_INFO: Final = b"incidentdesk.kernel.encrypted"

logger = logging.getLogger(__name__)


class Unreadable(str):
    """Stands in for a secret whose key is not here: reads as nothing, and is written back as it was stored."""

    stored: str

    @classmethod
    def of(cls, stored: str) -> "Unreadable":
        """The stand-in for what is stored."""
        made = cls("")
        made.stored = stored
        return made

    def __bool__(self) -> bool:
        return True  # there is a secret; it only cannot be read


def encrypt(text: str) -> str:
    """The text under the first key."""
    return MARK + _keys().encrypt(text.encode()).decode() if text else ""


def decrypt(stored: str) -> str:
    """The text of what `encrypt` made; Unreadable where no key fits."""
    if not stored:
        return ""
    try:
        return _keys().decrypt(stored.removeprefix(MARK).encode()).decode()
    except InvalidToken:
        logger.warning(
            "A stored secret cannot be read: its key is not in SECRET_KEY or SECRET_KEY_FALLBACKS."
        )
        return Unreadable.of(stored)


def readable(text: str) -> str:
    """The secret itself. Raises ValueError for an unreadable one, so that nothing is signed with another."""
    if isinstance(text, Unreadable):
        raise ValueError("The secret cannot be read with the keys that are set.")
    return text


class EncryptedField(models.TextField[str, str]):
    """A text that is encrypted in the database. Nothing can be looked up by it, but whether it is NULL."""

    def get_prep_value(self, value: Any) -> Any:
        """Encrypted; an unreadable one as it was stored."""
        if value is None:
            return None
        return value.stored if isinstance(value, Unreadable) else encrypt(str(value))

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        """Decrypted."""
        return None if value is None else decrypt(value)

    def get_lookup(self, lookup_name: str) -> type[Lookup[Any]] | None:
        """Equal texts are stored differently each time, so no comparison could be right."""
        return IsNull if lookup_name == "isnull" else None


def _keys() -> MultiFernet:
    return _made((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=8)
def _made(secrets: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(secret))) for secret in secrets])


def _derived(secret: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(secret.encode())

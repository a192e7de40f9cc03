"""Secret links in messages: what is stored cannot open anything, the secret is made up again when the message leaves.

At rest there is a random nonce (in the outbox) and the SHA-256 of the token (with whoever checks it); the token itself
is their HMAC under the desk's key and stands nowhere (S15). A message that waits through a rotation of the key still
gets the right token, since the digest tells which key made it (S17).
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

_SALT: Final = b"comms.links\0"


def new() -> tuple[str, str]:
    """A fresh nonce of 256 random bits, and the digest by which its token will be known."""
    nonce = secrets.token_urlsafe(32)
    return nonce, digest(_token(nonce, settings.SECRET_KEY))


def digest(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def token(nonce: str, wanted: str) -> str:
    """The token of a nonce whose digest is `wanted`."""
    made = [_token(nonce, key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return next((one for one in made if digest(one) == wanted), made[0])


def written_out(body: str, link: Mapping[str, Any]) -> str:
    """The body with its link, on our own host (S24), before the last paragraph, which leads on: first what is wrong.

    `link`: says, path, nonce, digest.
    """
    tap = f"{link['says']}\n{settings.BASE_URL}{link['path']}{token(link['nonce'], link['digest'])}/"
    said, _, leads_on = body.rpartition("\n\n")
    return "\n\n".join(part for part in (said, tap, leads_on) if part)


def _token(nonce: str, key: str) -> str:
    made = hmac.new(key.encode(), _SALT + nonce.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()

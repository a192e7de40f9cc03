"""The digest that chains one stored thing to the one before it."""

import hashlib
import struct
from collections.abc import Sequence

_length = struct.Struct(">I").pack


def digest(fields: Sequence[bytes]) -> bytes:
    """SHA-256 over length-prefixed fields, so that no two different lists of fields read the same."""
    return hashlib.sha256(b"".join([_length(len(part)) + part for part in fields])).digest()

"""JSON from outside, read without surprises: what PostgreSQL or a float cannot hold is refused with its place (F27, F28).

Refused with 400 and line and column: bad UTF-8, malformed JSON, NaN and Infinity, numbers beyond 64 bits, NUL and lone
surrogates in strings, nesting deeper than 32, more than 1,000 fields. Refused with 413: more than `limit` bytes.
"""

import json
import math
import re
from typing import Any, Final

from incidentdesk.kernel.errors import DeskError

BYTES: Final = 256 * 1024
DEPTH: Final = 32
FIELDS: Final = 1_000
_WHOLE: Final = 2**63
# Possessive throughout: no piece is read twice. A quote that is never closed takes the rest, so that no later one is
# tried as the beginning of another string, which would read the whole rest again for each.
_TOKEN: Final = re.compile(
    r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]|:|-?(?:NaN|Infinity)|-?\d++(?:\.\d++)?+(?:[eE][+-]?\d++)?+',
    re.DOTALL,
)


class Unreadable(DeskError):
    """The body is not what it says it is; the sentence names the place."""

    status = 400
    code = "unreadable"


class TooLarge(DeskError):
    """More than the desk reads."""

    status = 413
    code = "too_large"


def loads(raw: bytes, *, limit: int = BYTES) -> Any:
    """The value in `raw`. Raises Unreadable or TooLarge, and nothing else."""
    if len(raw) > limit:
        raise TooLarge(
            f"The body has {len(raw):,} bytes and at most {limit:,} are read. Nothing was changed."
        )
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Unreadable(f"Byte {error.start} of the body is not UTF-8. Nothing was changed.") from None
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise _at(text, error.pos, f"is no JSON: {error.msg}") from None
    except (
        RecursionError,
        ValueError,
    ):  # nested beyond Python's own limit, or an integer of thousands of digits
        _inspect(text)
        raise Unreadable(
            "The body nests too deeply or holds a number that is too large. Nothing was changed."
        ) from None
    _inspect(text)
    return value


def loads_object(raw: bytes, *, limit: int = BYTES) -> dict[str, Any]:
    """As `loads`, where only an object will do; an empty body is an empty one."""
    value = loads(raw, limit=limit) if raw.strip() else {}
    if not isinstance(value, dict):
        raise Unreadable("The body must be one JSON object. Nothing was changed.")
    return value


def _inspect(text: str) -> None:
    depth = fields = 0
    for token in _TOKEN.finditer(text):
        first, at = token[0][0], token.start()
        if first == '"':
            _check_string(text, token[0], at)
        elif first in "[{":
            depth += 1
            if depth > DEPTH:
                raise _at(text, at, f"nests deeper than {DEPTH} levels")
        elif first in "]}":
            depth -= 1
        elif first == ":":
            fields += 1
            if fields > FIELDS:
                raise _at(text, at, f"has more than {FIELDS:,} fields")
        else:
            _check_number(text, token[0], at)


def _check_string(text: str, token: str, at: int) -> None:
    if "\\u" not in token and "\\" not in token:
        return
    for char in json.loads(token, strict=False):
        if char == "\0":
            raise _at(text, at, "holds a NUL character, which no text here may have")
        if "\ud800" <= char <= "\udfff":
            raise _at(text, at, "holds half of a surrogate pair")


def _check_number(text: str, token: str, at: int) -> None:
    if "N" in token or "I" in token:
        raise _at(text, at, f"has {token}, which is no number in JSON")
    whole = token.lstrip("-").isdigit()
    if (whole and (len(token) > 20 or abs(int(token)) >= _WHOLE)) or (not whole and math.isinf(float(token))):
        raise _at(text, at, "has a number that is too large")


def _at(text: str, position: int, what: str) -> Unreadable:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return Unreadable(f"The body {what}, at line {line}, column {column}. Nothing was changed.")

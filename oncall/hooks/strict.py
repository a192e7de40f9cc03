"""JSON from outside, read strictly: a fault is named by its position, and nothing passes that PostgreSQL cannot hold."""

import json
import math
import re
from typing import Any, Final

BODY_LIMIT: Final = 256 * 1024
DEPTH_LIMIT: Final = 32
FIELD_LIMIT: Final = 1_000
DIGITS: Final = 18

_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_BARE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|(-?(?:Infinity|NaN|[0-9][-+0-9.eE]*))', re.DOTALL)


class Malformed(ValueError):
    """The body cannot be read. `position` says where: a character, a byte, or a path such as `alerts[3].startsAt`."""

    def __init__(self, reason: str, position: str) -> None:
        self.reason, self.position = reason, position
        super().__init__(f"{reason} ({position})")


class _Number(ValueError):
    def __init__(self, literal: str) -> None:
        self.literal = literal
        super().__init__(literal)


def loads(body: bytes) -> Any:
    """The value of a JSON text. Raises Malformed for anything that is not strict, storable JSON of a sane size.

    The caller has capped the body at `BODY_LIMIT`. No object or list has more than `FIELD_LIMIT` members.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("The body is not UTF-8", f"byte {error.start}") from None
    if "\\u" in text:
        _check_escapes(text)
    try:
        value = json.loads(text, parse_int=_int, parse_float=_float, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise Malformed(f"The body is not JSON: {error.msg}", f"character {error.pos}") from None
    except RecursionError:
        raise Malformed(f"The body is nested deeper than {DEPTH_LIMIT}", "depth") from None
    except _Number as error:
        raise Malformed("A number is too long, or none at all", _where(text, error.literal)) from None
    _check_size(value)
    return value


def _int(literal: str) -> int:
    if len(literal) > DIGITS:
        raise _Number(literal)
    return int(literal)


def _float(literal: str) -> float:
    value = float(literal) if len(literal) <= 64 else math.inf
    if not math.isfinite(value):
        raise _Number(literal)
    return value


def _constant(literal: str) -> float:
    raise _Number(literal)


def _where(text: str, literal: str) -> str:
    """The place of a bare literal, outside every string."""
    found = next((match for match in _BARE.finditer(text) if match[1] == literal), None)
    return f"character {found.start()}" if found else "a number"


def _check_escapes(text: str) -> None:
    """Refuse escaped NUL and halves of surrogate pairs, neither of which can be stored as text."""
    high: re.Match[str] | None = None
    for match in _ESCAPE.finditer(text):
        code = int(match[1], 16) if match[1] else -1
        low = 0xDC00 <= code <= 0xDFFF
        paired = high is not None and low and high.end() == match.start()
        if high is not None and not paired:
            raise Malformed("Half of a surrogate pair stands alone", f"character {high.start()}")
        if low and not paired:
            raise Malformed("Half of a surrogate pair stands alone", f"character {match.start()}")
        if code == 0:
            raise Malformed("There is a NUL in a text", f"character {match.start()}")
        high = match if 0xD800 <= code <= 0xDBFF else None
    if high is not None:
        raise Malformed("Half of a surrogate pair stands alone", f"character {high.start()}")


def _check_size(value: Any) -> None:
    layer, depth = [value] if isinstance(value, dict | list) else [], 0
    while layer:
        depth += 1
        if depth > DEPTH_LIMIT:
            raise Malformed(f"The body is nested deeper than {DEPTH_LIMIT}", "depth")
        below: list[Any] = []
        for each in layer:
            if len(each) > FIELD_LIMIT:
                raise Malformed(f"An object or list has more than {FIELD_LIMIT:,} members", f"depth {depth}")
            members = each.values() if isinstance(each, dict) else each
            below += [member for member in members if isinstance(member, dict | list)]
        layer = below

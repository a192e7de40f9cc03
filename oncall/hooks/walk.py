"""JSON from outside, walked value by value, so that a fault in one value never loses another.

Every step is linear in the text, keeps no more than one value in memory, and recurses nowhere. A fault is named by its
position. What PostgreSQL cannot hold (NUL, half of a surrogate pair) passes here; whoever stores a text cleans it.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

BODY_LIMIT: Final = 4 * 1024 * 1024
VALUE_LIMIT: Final = 64 * 1024
DIGITS: Final = 18

# Possessive throughout: what matched is never tried in another way, so none of them can be slow.
SPACE: Final = re.compile(r"[ \t\r\n]*+")
STRING: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
SCALAR: Final = re.compile(r'[^ \t\r\n",\[\]{}]++')
_PLAIN: Final = r'[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+"'
# What needs no counting: texts, numbers, and lists and objects with nothing nested in them.
BETWEEN: Final = re.compile(rf"(?:{_PLAIN}|\[(?:{_PLAIN})*+\]|\{{(?:{_PLAIN})*+\}})*+", re.DOTALL)
_OPENS: Final = {"}": "{", "]": "["}


class Malformed(ValueError):
    """Something cannot be read. `position` says where: a character, or a path such as `alerts[3].startsAt`."""

    def __init__(self, reason: str, position: str) -> None:
        self.reason, self.position = reason, position
        super().__init__(f"{reason} ({position})")


class Span(NamedTuple):
    """Where a value stands in its text: the first character, and the one behind the last."""

    start: int
    end: int


def decode(body: bytes) -> str:
    """The text of a body; a byte that is no UTF-8 becomes U+FFFD and costs nothing else."""
    return body.decode("utf-8", errors="replace").removeprefix("\ufeff")


def begin(text: str) -> int:
    """Where the first value of a text begins."""
    return _skip(text, 0)


def first(text: str, start: int, closing: str) -> int:
    """Where the first member or element behind the bracket at `start` begins, or -1 where there is none."""
    at = _skip(text, start + 1)
    return -1 if text[at : at + 1] == closing else at


def after(text: str, at: int, closing: str) -> int:
    """Where the next member or element begins, or -1 behind the last. Raises Malformed where neither follows."""
    at = _skip(text, at)
    char = text[at : at + 1]
    if char == closing:
        return -1
    if char != ",":
        raise _at("The body is not JSON: a comma or an end is missing", at)
    return _skip(text, at + 1)


def name(text: str, at: int) -> tuple[str, int]:
    """The name of the member at `at`, and where its value begins. Raises Malformed where there is none."""
    found = STRING.match(text, at)
    if found is None:
        raise _at("The body is not JSON: a name in quotation marks is missing", at)
    behind = _skip(text, found.end())
    if text[behind : behind + 1] != ":":
        raise _at("The body is not JSON: a colon is missing", behind)
    return str(value(text, Span(*found.span()))), _skip(text, behind + 1)


def span(text: str, at: int) -> Span:
    """The value that begins at `at`. Raises Malformed where there is none, or it has no end."""
    char = text[at : at + 1]
    if char in ("{", "["):
        return Span(at, _closed(text, at))
    found = (STRING if char == '"' else SCALAR).match(text, at)
    if found is None:
        raise _at("The body is not JSON: a value is missing", at)
    return Span(at, found.end())


def members(text: str, start: int) -> Iterator[tuple[str, Span]]:
    """The members of the object that begins at `start`. Raises Malformed behind the last that can be told apart."""
    at = first(text, start, "}")
    while at >= 0:
        named, at = name(text, at)
        found = span(text, at)
        yield named, found
        at = after(text, found.end, "}")


def elements(text: str, start: int) -> Iterator[Span]:
    """The elements of the list that begins at `start`. Raises Malformed behind the last that can be told apart."""
    at = first(text, start, "]")
    while at >= 0:
        found = span(text, at)
        yield found
        at = after(text, found.end, "]")


def value(text: str, span: Span) -> Any:
    """The value there. Numbers that are long or have a fraction are None, as NaN is; nothing here is read from them.

    Raises Malformed where it is no JSON, nests too deeply for Python, or is a list or object of more than VALUE_LIMIT.
    """
    if span.end - span.start > VALUE_LIMIT and text[span.start] in "[{":
        raise _at(f"A value is longer than {VALUE_LIMIT // 1024} KiB", span.start)
    try:
        found, end = _DECODER.raw_decode(text, span.start)
    except json.JSONDecodeError as error:
        raise _at(f"The body is not JSON: {error.msg}", min(error.pos, len(text))) from None
    except RecursionError:
        raise _at("A value is nested too deeply", span.start) from None
    if end != span.end:
        raise _at("The body is not JSON", min(end, span.end))
    return found


def _integer(literal: str) -> int | None:
    return int(literal) if len(literal) <= DIGITS else None


def _unread(literal: str) -> None:
    return None


# Control characters within strings pass (`strict`): whoever stores a text drops them.
_DECODER: Final = json.JSONDecoder(
    strict=False, parse_int=_integer, parse_float=_unread, parse_constant=_unread
)


def _skip(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


def _closed(text: str, start: int) -> int:
    """Behind the bracket that closes the one at `start`. A missing one inside is taken as standing where an outer closes."""
    at, opened = start + 1, bytearray(text[start], "ascii")
    waits = {"{": 0, "[": 0, text[start]: 1}
    while True:
        found = BETWEEN.match(text, at)
        at = found.end() if found else at
        char = text[at : at + 1]
        if char in ("", '"'):
            raise _at("The body is not JSON: it ends within a value", start)
        at += 1
        if char in waits:
            opened.append(ord(char))
            waits[char] += 1
            continue
        if not waits[_OPENS[char]]:
            return at - 1  # it belongs to what stands around
        while (last := chr(opened.pop())) != _OPENS[char]:
            waits[last] -= 1
        waits[_OPENS[char]] -= 1
        if not opened:
            return at


def _at(reason: str, position: int) -> Malformed:
    return Malformed(reason, f"character {position}")

"""Columns of values for `unnest`, written for the wire in one pass.

psycopg's own dumper of lists looks through each list three times, in Python, to learn what it holds. These lists are
flat and of one type, so the first value tells; an act hands over thirty of them, the tick thousands of values.
"""

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg.abc import DumperKey
from psycopg.adapt import Buffer, Dumper, PyFormat
from psycopg.pq import Format
from psycopg.types.array import ListBinaryDumper

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)  # where PostgreSQL counts microseconds from
_NULL: Final = b"\xff\xff\xff\xff"
_long: Final = struct.Struct("!iq").pack
_length: Final = struct.Struct("!i").pack
_head: Final = struct.Struct(
    "!iiIii"
).pack  # dimensions, whether any is NULL, type of the values, how many, from where


class Column(list[Any]):
    """The values of one column, of one type or None."""


def _int(value: int) -> bytes:
    return _long(8, value)


def _bool(value: bool) -> bytes:
    return b"\x00\x00\x00\x01\x01" if value else b"\x00\x00\x00\x01\x00"


def _str(value: str) -> bytes:
    data = value.encode()
    return _length(len(data)) + data


def _bytes(value: bytes) -> bytes:
    return _length(len(value)) + value


def _time(value: datetime) -> bytes:
    passed = value - _EPOCH
    return _long(8, (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds)


# For each Python type: PostgreSQL's type of the value and of the array, and how one value is written.
_KINDS: Final[dict[type, tuple[int, int, Callable[[Any], bytes]]]] = {
    int: (20, 1016, _int),
    bool: (16, 1000, _bool),
    str: (25, 1009, _str),
    bytes: (17, 1001, _bytes),
    datetime: (1184, 1185, _time),
}


def _kind(column: Column) -> type:
    return next((type(value) for value in column if value is not None), type(None))


class ColumnDumper(ListBinaryDumper):
    """Chooses by the first value; what is none of the five types goes psycopg's own way."""

    def get_key(self, obj: Any, format: PyFormat) -> DumperKey:
        """One dumper for each type of value."""
        kind = _kind(obj)
        if kind in _KINDS or kind is type(None):
            return (self.cls, kind)
        return super().get_key(obj, format)

    def upgrade(self, obj: Any, format: PyFormat) -> Any:
        """The dumper for a column like this one."""
        kind = _kind(obj)
        if kind in _KINDS:
            return _Typed(self.cls, kind)
        return _Nulls(self.cls) if kind is type(None) else super().upgrade(obj, format)


class _Typed(Dumper):
    format = Format.BINARY

    def __init__(self, cls: type, kind: type) -> None:
        super().__init__(cls)
        self._kind = kind
        self._base, self.oid, self._write = _KINDS[kind]

    def get_key(self, obj: Any, format: PyFormat) -> DumperKey:
        return (self.cls, _kind(obj))

    def dump(self, obj: Any) -> Buffer:
        write = self._write
        try:
            values = [_NULL if value is None else write(value) for value in obj]
        except (struct.error, AttributeError, TypeError) as error:
            raise psycopg.DataError(
                f"a column of {self._kind.__name__} holds what is none: {error}"
            ) from None
        return b"".join((_head(1, None in obj, self._base, len(obj), 1), *values))


class _Nulls(Dumper):
    """A column of nothing but None, or of nothing: the statement's cast says of what type."""

    format = Format.TEXT

    def get_key(self, obj: Any, format: PyFormat) -> DumperKey:
        return (self.cls, _kind(obj))

    def dump(self, obj: Any) -> Buffer:
        return b"{" + b",".join([b"NULL"] * len(obj)) + b"}"

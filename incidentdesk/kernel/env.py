"""Typed readers of the environment. A missing or misspelt value stops the process and names the variable."""

import os
import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from math import isfinite
from pathlib import Path
from typing import Final, TypeVar

from django.core.exceptions import ImproperlyConfigured

Read = TypeVar("Read")
REQUIRED: Final = object()
MOST: Final = 1_000_000
_YES: Final = {"1", "true", "yes", "on"}
_NO: Final = {"0", "false", "no", "off", ""}
_ISO: Final = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


def text(name: str, default: str | object = REQUIRED) -> str:
    """The value as it stands, without surrounding space; the default where it is unset or empty."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is REQUIRED:
        raise ImproperlyConfigured(f"{name} is not set, and there is no default for it.")
    return str(default)


def words(name: str, default: str = "") -> list[str]:
    """A list separated by commas or space."""
    return [word for word in re.split(r"[,\s]+", text(name, default)) if word]


def integer(name: str, default: int | object = REQUIRED, *, least: int = 0, most: int = MOST) -> int:
    """A whole number from `least` to `most`."""
    value = text(name, default)
    try:
        found = int(value)
    except ValueError:
        raise _bad(name, value, "a whole number") from None
    if not least <= found <= most:
        raise _bad(name, value, f"a whole number from {least} to {most}")
    return found


def number(
    name: str, default: float | object = REQUIRED, *, above: float = 0.0, most: float = 86_400.0
) -> float:
    """A number greater than `above` and at most `most`, a day of seconds; fractions are welcome."""
    value = text(name, default)
    try:
        found = float(value)
    except ValueError:
        raise _bad(name, value, "a number") from None
    if not isfinite(found) or not above < found <= most:
        raise _bad(name, value, f"a number greater than {above:g} and at most {most:g}")
    return found


def flag(name: str, default: bool | object = REQUIRED) -> bool:
    """Yes or no, in the usual spellings."""
    value = os.environ.get(name)
    if value is None:
        if default is REQUIRED:
            raise ImproperlyConfigured(f"{name} is not set, and there is no default for it.")
        return bool(default)
    if value.strip().lower() in _YES | _NO:
        return value.strip().lower() in _YES
    raise _bad(name, value, "yes or no (1 or 0)")


def duration(name: str, default: str | object = REQUIRED) -> timedelta:
    """A span as ISO 8601 (`PT5M`, `P1DT12H`) or as plain seconds (`90`, `0.5`). Never negative."""
    value = text(name, default)
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return timedelta(seconds=float(value))
    found = _ISO.fullmatch(value)
    if found is None or not any(found.groups()):
        raise _bad(name, value, "a span such as PT5M or 90 (seconds)")
    return timedelta(**{unit: float(amount) for unit, amount in found.groupdict().items() if amount})


def choice(
    name: str,
    allowed: Iterable[str],
    default: str | object = REQUIRED,
    *,
    fold: Callable[[str], str] = str,
) -> str:
    """One of the words in `allowed`, which what was written is compared with after `fold`."""
    value, known = fold(text(name, default)), list(allowed)
    if value not in known:
        raise _bad(name, value, "one of " + ", ".join(known))
    return value


def read_as(name: str, reader: Callable[[str], Read], wanted: str) -> Read | None:
    """What `reader` makes of the value, None where it is unset; its ValueError is told as "it must be `wanted`"."""
    value = text(name, "")
    if not value:
        return None
    try:
        return reader(value)
    except ValueError:
        raise _bad(name, value, wanted) from None


def load(path: Path) -> None:
    """Take NAME=value lines of a file for names the environment does not have; a missing file is no error."""
    if not path.is_file() or not os.access(path, os.R_OK):
        return
    for line in path.read_text().splitlines():
        name, _, value = line.partition("=")
        os.environ.setdefault(name.strip(), value.strip())


def _bad(name: str, value: str, wanted: str) -> ImproperlyConfigured:
    shown = repr(value) if len(value) <= 80 else f"{value[:80]!r}..."
    return ImproperlyConfigured(f"{name} is {shown}; it must be {wanted}.")

"""From what was sent to an act's form: a page's fields, or a program's JSON; every misfit becomes a sentence.

Times of a page are naive and mean the viewer's zone: 01:30 that comes twice is the first, 02:30 that does not exist is
the next instant that does. Programs must name the zone.
"""

import types
import typing
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.http import QueryDict
from pydantic import AwareDatetime, BaseModel, ValidationError

from incidentdesk.kernel import strict_json
from incidentdesk.kernel.errors import Invalid

F = TypeVar("F", bound=BaseModel)

_LARGEST = 2**31 - 1  # what an integer column holds
_YEARS = range(1970, 2200)
_SENTENCES = {
    "missing": "This is needed.",
    "too_short": "Choose at least one.",
    "string_type": "This must be text.",
    "string_too_long": "At most {max_length} characters fit.",
    "greater_than_equal": "It must be at least {ge}.",
    "less_than_equal": "It must be at most {le}.",
    "literal_error": "Choose one of {expected}.",
    "timezone_aware": "Give the time with its zone, such as 2026-03-14T02:47:00Z.",
    "value_error": "{error}",
}
_BY_BEGINNING = {
    "int": "This must be a whole number.",
    "float": "This must be a number.",
    "finite": "This must be a number.",
    "bool": "This must be yes or no.",
    "uuid": "Choose somebody.",
    "datetime": "This is no time that can be read. Write it like 2026-03-14T02:47.",
    "date": "This is no time that can be read. Write it like 2026-03-14T02:47.",
    "list": "This must be a list.",
    "dict": "This must be a set of names and answers.",
}


def from_post(form: type[F], post: QueryDict, *, zone: ZoneInfo) -> F:
    """A page's fields as the form. Raises Invalid with one sentence a field."""
    data: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, kind in _kinds(form).items():
        if kind is dict:
            prefix = f"{name}."
            data[name] = {key.removeprefix(prefix): post[key] for key in post if key.startswith(prefix)}
        elif name not in post:
            continue
        elif kind is list:
            data[name] = [value for value in post.getlist(name) if value]
        elif kind is datetime:
            try:
                data[name] = local_time(str(post[name]), zone)
            except ValueError:
                errors[name] = _BY_BEGINNING["datetime"]
        else:
            data[name] = post[name]
    if errors:
        raise Invalid(fields=errors)
    return validated(form, data)


def from_json(form: type[F], raw: bytes) -> F:
    """A program's body as the form. Raises Unreadable or TooLarge (400, 413) or Invalid (422)."""
    return validated(form, strict_json.loads_object(raw))


def validated(form: type[F], data: Mapping[str, Any]) -> F:
    """The form of these values. Raises Invalid; nothing in the form is beyond what the database can hold."""
    try:
        made = form.model_validate(data)
    except ValidationError as error:
        raise Invalid(
            fields={_field(each): _sentence(each) for each in error.errors(include_url=False)}
        ) from None
    beyond = {name: sentence for name in form.model_fields if (sentence := _beyond(getattr(made, name)))}
    if beyond:
        raise Invalid(fields=beyond)
    return made


def local_time(text: str, zone: ZoneInfo) -> datetime | None:
    """The instant of a `datetime-local` value in the zone, aware; None for an empty one. Raises ValueError."""
    text = text.strip()
    if not text:
        return None
    found = datetime.fromisoformat(text)
    if (
        found.year not in _YEARS
    ):  # also of one with a zone: no other zone's calendar holds 0001-01-01T00:00+14:00
        raise ValueError("This time is too far away.")
    if found.tzinfo is not None:
        return found
    before, after = (
        found.replace(tzinfo=zone, fold=0).utcoffset(),
        found.replace(tzinfo=zone, fold=1).utcoffset(),
    )
    if (
        before is None or after is None or after <= before
    ):  # an ordinary time, or one that comes twice: the first
        return found.replace(tzinfo=zone)
    return _end_of_gap(found, before, after, zone)


def _end_of_gap(missing: datetime, before: timedelta, after: timedelta, zone: ZoneInfo) -> datetime:
    """The first instant after a gap of the clocks, found to the second between two that lie around it."""
    utc = ZoneInfo("UTC")
    low, high = ((missing - offset).replace(tzinfo=utc) for offset in (after, before))
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == after:
            high = middle
        else:
            low = middle
    return high


@cache
def _kinds(form: type[BaseModel]) -> dict[str, Any]:
    """For each field what it is in the end: dict, list, datetime, str, int and so on."""
    return {
        name: _kind(hint) for name, hint in typing.get_type_hints(form).items() if name in form.model_fields
    }


def _kind(hint: Any) -> Any:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(each for each in typing.get_args(hint) if each is not type(None))
    return datetime if hint is AwareDatetime else typing.get_origin(hint) or hint


def _field(error: Any) -> str:
    """`items.rollback` for an entry of a mapping; a list is named as a whole."""
    return ".".join(str(part) for part in error["loc"] if isinstance(part, str)) or "form"


def _sentence(error: Any) -> str:
    known = _SENTENCES.get(error["type"]) or _BY_BEGINNING.get(error["type"].split("_")[0])
    return (known or error["msg"]).format_map({"error": "", **error.get("ctx", {})})


def _beyond(value: Any) -> str:
    if isinstance(value, int) and abs(value) > _LARGEST:
        return "This number is too large."
    if isinstance(value, datetime) and value.year not in _YEARS:
        return "This time is too far away."
    if isinstance(value, dict) and any(not _is_name(str(key)) for key in value):
        return "There is no such line on the list."
    return ""


def _is_name(key: str) -> bool:
    return (
        0 < len(key) <= 64
        and key.isascii()
        and key.replace("-", "").replace("_", "").replace(".", "").isalnum()
    )

"""The arguments of a step as the form of its act wants them: names become ids, clock times become moments."""

import types
import typing
from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, ValidationError
from pydantic.fields import FieldInfo

from desk.forms.fields import Form
from desk.replay.cast import Cast
from desk.replay.times import Calendar
from incidentdesk.kernel.errors import Invalid

LISTS = ("services", "clients")
KEPT = ("unknown", "unsorted")
ALERT = "alert "  # how the labels name an alert that has fired


def bind(
    form: type[Form],
    args: Mapping[str, Any],
    *,
    cast: Cast,
    calendar: Calendar,
    day: date,
    labels: Mapping[str, int],
) -> Form:
    """Fill a form. `day` is the step's own; `labels` holds the seq of each labelled step and the id of each alert so far.

    Raises Invalid with a sentence per field.
    """
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, value in args.items():
        try:
            values[name] = _value(form.model_fields[name], name, value, cast, calendar, day, labels)
        except ValueError as error:
            wrong[name] = f"{name}: {error}"
    if wrong:
        raise Invalid(" ".join(wrong.values()), fields=wrong)
    try:
        return form.model_validate(values)
    except ValidationError as error:
        fields = {".".join(map(str, each["loc"])): each["msg"] for each in error.errors()}
        raise Invalid(" ".join(f"{name}: {text}." for name, text in fields.items()), fields=fields) from None


def _value(
    field: FieldInfo,
    name: str,
    value: Any,
    cast: Cast,
    calendar: Calendar,
    day: date,
    labels: Mapping[str, int],
) -> Any:
    kinds = _kinds(field.annotation)
    if isinstance(value, str) and value.startswith("@"):
        if value[1:] not in labels:
            raise ValueError(f"{value!r} names a step that was not done.")
        return labels[value[1:]]
    if name == "alert" and isinstance(value, str):
        if ALERT + value not in labels:
            raise ValueError(f"no alert named {value!r} has fired.")
        return labels[ALERT + value]
    if UUID in kinds:
        return value if value == "" else _known(value, cast.people, "person").uid
    if kinds & {datetime, AwareDatetime}:
        return value if value == "" else calendar.moment(value, day=day)
    if name in LISTS:
        rows: Mapping[str, Any] = getattr(cast, name)
        return [each if each in KEPT else _known(each, rows, name[:-1]).slug for each in _list(value)]
    if name == "client":
        return _known(value, cast.clients, "client").slug
    return value


def _kinds(annotation: Any) -> set[Any]:
    """The types that an annotation allows."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return set().union(*(_kinds(each) for each in typing.get_args(annotation)))
    if typing.get_origin(annotation) is typing.Annotated:
        return _kinds(typing.get_args(annotation)[0])
    return {annotation}


def _known(value: Any, rows: Mapping[str, Any], what: str) -> Any:
    if value not in rows:
        raise ValueError(f"{value!r} is no {what} of this file.")
    return rows[value]


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"must be a list, not {value!r}.")
    return value


def fields_of(form: type[Form]) -> Collection[str]:
    """The arguments an act takes; what a page had seen is its own affair."""
    return [name for name in form.model_fields if name not in ("seen_version", "seen_upto")]

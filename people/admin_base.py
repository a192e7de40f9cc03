"""What every page of the administration shares: which look-ups it answers, and the entry that each change leaves."""

from collections.abc import Iterable
from typing import Any, Final, TypeVar

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import Model
from django.http import HttpRequest

from incidentdesk.kernel import clock, sensitive
from people import audit
from people.audit import Event

M = TypeVar("M", bound=Model)

# What Django's own filters put behind the name of a declared field.
_ENDINGS: Final = frozenset({"exact", "id__exact", "isnull", "isempty", "gte", "lt"})
_DATES: Final = frozenset({"year", "month", "day"})
_LONGEST: Final = 120


class DeskAdmin(admin.ModelAdmin[M]):
    """Answers only the look-ups that its own filters offer, and writes each change into the security audit.

    Django answers any look-up on a field of the model itself, so that `?password__startswith=a` would tell a hash
    letter by letter.
    """

    actions: Any = None
    show_full_result_count = False

    def get_actions(self, request: HttpRequest) -> Any:
        """None but those that a page declares: deleting many rows at once is not one of them."""
        found = super().get_actions(request)
        found.pop("delete_selected", None)
        return found

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Whether one of the page's own filters asks this."""
        if self.date_hierarchy and lookup in {f"{self.date_hierarchy}__{part}" for part in _DATES}:
            return True
        offered = self.get_list_filter(request) if request is not None else self.list_filter
        return any(_asks(item, lookup) for item in offered)

    def save_model(self, request: HttpRequest, obj: M, form: Any, change: bool) -> None:
        """Write the row and keep what differs for the audit."""
        request.differs = differs(form)  # type: ignore[attr-defined]  # read below, in the same request
        super().save_model(request, obj, form, change)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """As Django's, and in the audit."""
        self._record(request, "created", [obj])
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """As Django's, and in the audit; a form that changed nothing leaves no entry."""
        if message:
            self._record(request, "changed", [obj], parts=_parts(message))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """As Django's, and in the audit."""
        self._record(request, "deleted", queryset)
        return super().log_deletions(request, queryset)

    def _record(self, request: HttpRequest, what: str, rows: Iterable[Model], parts: str = "") -> None:
        now, source = clock.now(), audit.Source.of(request)
        details = {"what": what, **getattr(request, "differs", {})} | ({"parts": parts} if parts else {})
        for row in rows:
            about = f"{self.opts.verbose_name} {row}"
            source.record(Event.ADMINISTERED, about=about, details=details, now=now)


class LookOnly(DeskAdmin[M]):
    """Rows that are made, changed and ended elsewhere."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False


def differs(form: Any) -> dict[str, str]:
    """What a form changes, field by field; of a secret only that it changes."""
    found = {}
    for name in form.changed_data:
        old, new = _said(form.initial.get(name)), _said(form.cleaned_data.get(name))
        found[name] = sensitive.MASK if sensitive.is_secret(name) else f"{old} -> {new}"
    return found


def _said(value: Any) -> str:
    if isinstance(value, Model):
        return str(value.pk)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | dict):
        return ", ".join(_said(each) for each in value)[:_LONGEST]
    return "" if value is None else str(value)[:_LONGEST]


def _parts(message: Any) -> str:
    """The rows of inline forms that were added, changed or removed."""
    named = (
        f"{what} {said['name']} {said['object']}"
        for each in (message if isinstance(message, list) else [])
        for what, said in each.items()
        if "name" in said
    )
    return ", ".join(named)[:_LONGEST]


def _asks(item: Any, lookup: str) -> bool:
    if isinstance(item, type) and issubclass(item, SimpleListFilter):
        return lookup == item.parameter_name
    name = item[0] if isinstance(item, list | tuple) else item
    return lookup == name or (lookup.removeprefix(f"{name}__") in _ENDINGS and lookup.startswith(f"{name}__"))

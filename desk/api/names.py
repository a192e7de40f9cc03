"""Numbers of rows as the names the world may see: people and clients by UUID, services by slug (S4)."""

from collections.abc import Iterable
from typing import Any

from incidents.models import Client, Service
from people.models import User

Named = dict[str, str]


class Names:
    """The people, services and clients that an answer speaks of: at most one query for each kind, and only if asked."""

    def __init__(self, users: Iterable[int | None] = ()) -> None:
        wanted = {user for user in users if user is not None}
        rows = User.objects.filter(pk__in=wanted).values_list("pk", "uid", "name") if wanted else ()
        self._people = {pk: {"uid": str(uid), "name": name} for pk, uid, name in rows}
        self._services: dict[int, Named] | None = None
        self._clients: dict[int, Named] | None = None

    def person(self, user: int | None) -> Named | None:
        """Somebody's UUID and name; None for the desk itself."""
        return self._people.get(user) if user is not None else None

    def service(self, pk: int) -> Named | None:
        """A service's slug and name."""
        if self._services is None:
            rows = Service.objects.values_list("pk", "slug", "name")
            self._services = {each: {"slug": slug, "name": name} for each, slug, name in rows}
        return self._services.get(pk)

    def client(self, pk: int) -> Named | None:
        """A client's UUID and name."""
        if self._clients is None:
            rows = Client.objects.values_list("pk", "uid", "name")
            self._clients = {each: {"uid": str(uid), "name": name} for each, uid, name in rows}
        return self._clients.get(pk)


# What in a payload is the number of a row. Everything else is a stamp, a word, a figure, or a number of this incident.
_PERSON = frozenset({"user", "was", "implementer", "ic", "owner"})
_PEOPLE = frozenset({"users", "ladder", "managers"})
_LOG_LINES = frozenset({"finding", "theory", "question", "action", "decision", "nothing", "note"})


def people_in(kind: str, payload: dict[str, Any]) -> set[int]:
    """The people an entry's payload names."""
    found = {value for name, value in payload.items() if _is_person(kind, name) and isinstance(value, int)}
    found |= {each for name in _PEOPLE for each in payload.get(name, ()) if isinstance(each, int)}
    return found | {user for _, user in payload.get("pages", ())}


def public(kind: str, payload: dict[str, Any], names: Names) -> dict[str, Any]:
    """A payload with names in the place of row numbers."""
    return {name: _public(kind, name, value, names) for name, value in payload.items()}


def _public(kind: str, name: str, value: Any, names: Names) -> Any:
    if _is_person(kind, name):
        return names.person(value)
    if name in _PEOPLE:
        return [names.person(each) for each in value]
    if name == "pages":
        return [{"page": page, "user": names.person(user)} for page, user in value]
    if name == "services":
        return [names.service(each) for each in value]
    if name == "clients":
        return [names.client(each) for each in value]
    if name == "client":
        return names.client(value)
    return value


def _is_person(kind: str, name: str) -> bool:
    return name in _PERSON or (name == "to" and kind in _LOG_LINES)

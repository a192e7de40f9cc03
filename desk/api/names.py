"""Numbers of rows as the names the world may see: people and clients by UUID, services by slug (S4)."""

from collections.abc import Iterable, Mapping
from copy import copy
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from incidents.models import Client, Service
from people.models import User
from people.naming import Former, name_at

Named = dict[str, str]
Row = tuple[int, str, str, Former]


def _rows(found: QuerySet[Any], key: str) -> list[Row]:
    rows = found.values_list("pk", key, "name", "former_names")
    return [(pk, str(public), name, former) for pk, public, name, former in rows]


class Names:
    """The people, services and clients that an answer speaks of: a fixed number of queries, whatever is asked."""

    def __init__(self, users: Iterable[int | None] = (), *, catalogue: bool = False) -> None:
        wanted = {user for user in users if user is not None}
        people = User.objects.filter(pk__in=wanted)
        self._people = _rows(people, "uid") if wanted else []
        self._services = _rows(Service.objects.all(), "slug") if catalogue else []
        self._clients = _rows(Client.objects.all(), "uid") if catalogue else []
        self._then: datetime | None = None
        self._fill()

    def _fill(self) -> None:
        self.people = self._named(self._people, "uid")
        self.services = self._named(self._services, "slug")
        self.clients = self._named(self._clients, "uid")

    def _named(self, rows: list[Row], key: str) -> dict[int, Named]:
        then = self._then
        return {
            pk: {key: public, "name": name if then is None else name_at(name, former, then)}
            for pk, public, name, former in rows
        }

    def at(self, then: datetime) -> "Names":
        """As it was called when something was recorded; itself where nothing was ever renamed."""
        if not any(former for rows in (self._people, self._services, self._clients) for *_, former in rows):
            return self
        made = copy(self)
        made._then = then
        made._fill()
        return made

    def person(self, user: int | None) -> Named | None:
        """Somebody's UUID and name; None for the desk itself."""
        return self.people.get(user) if user is not None else None

    def service(self, pk: int) -> Named | None:
        """A service's slug and name."""
        return self.services.get(pk)

    def client(self, pk: int) -> Named | None:
        """A client's UUID and name."""
        return self.clients.get(pk)


# What in a payload is the number of a row, by kind where a word means several things: `to` is a person in a question
# and a status in a move; `users` are people in a notice and a count in an impact. All else is said as it stands.
_PERSON = frozenset({"user", "was", "implementer", "ic", "owner"})
_PERSON_OF = {"to": frozenset({"finding", "theory", "question", "action", "decision", "nothing", "note"})}
_PEOPLE = frozenset({"ladder", "managers"})
_PEOPLE_OF = {"users": frozenset({"lead.told"}), "to": frozenset({"clock.step"})}


def people_in(kind: str, payload: Mapping[str, Any]) -> set[int]:
    """The people an entry's payload names."""
    found: set[int] = set()
    for name, value in payload.items():
        if _is_person(kind, name) and value is not None:
            found.add(value)
        elif _is_people(kind, name):
            found |= set(value)
        elif name == "pages":
            found |= {user for _, user in value}
    return found


def public(kind: str, payload: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """A payload with names in the place of row numbers."""
    return {name: _public(kind, name, value, names) for name, value in payload.items()}


def _public(kind: str, name: str, value: Any, names: Names) -> Any:
    if _is_person(kind, name):
        return names.person(value)
    if _is_people(kind, name):
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
    return name in _PERSON or kind in _PERSON_OF.get(name, ())


def _is_people(kind: str, name: str) -> bool:
    return name in _PEOPLE or kind in _PEOPLE_OF.get(name, ())

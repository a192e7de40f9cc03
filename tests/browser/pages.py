"""Every page there is to look at, by its name: who looks, and where."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A page and the person who needs it."""

    who: str | None
    path: str

    def of(self, key: str) -> str:
        """Its address for this incident."""
        return self.path.format(key=key)


PLACES = {
    "desk": Place("sarah", "/"),
    "declare": Place("sarah", "/declare/"),
    "room": Place("sarah", "/incidents/{key}/"),
    "update": Place("jordan", "/incidents/{key}/updates/new/"),
    "list": Place("sarah", "/incidents/"),
    "record": Place("sarah", "/incidents/{key}/record/"),
    "summary": Place("marcus", "/incidents/{key}/summary/"),
    "sign-in": Place(None, "/sign-in/"),
    "runbooks": Place("sarah", "/runbooks/"),
    "account": Place("sarah", "/account/"),
    "not-found": Place("sarah", "/incidents/INC-1999-0001/"),
}

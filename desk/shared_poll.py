"""One answer of a room's poll for all who see the same, for a second: rendered for nobody, so that nothing of one person
can ever reach another.

What a room shows of an entry depends on who looks only by roles, by zone, and by being named in the record (a seat, a
page, a change, a line). So the regions are rendered for a stand-in that has roles and zone and is nobody, without the
looker's name among the people it knows; whoever is named, and every region that lists people from the looker's side,
is rendered for that person alone. Fields of forms are put in for each reader (`templatetags.ids`).
"""

import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final, NamedTuple

from desk.room.load import Bundle, Source, named
from desk.room.regions import REGIONS
from people.models import User

FRESH: Final = 1.0  # seconds; what changes without an entry, such as a name, is on every screen after that
_MOST: Final = 128
PERSONAL: Final = frozenset(name for name, region in REGIONS.items() if Source.COLLEAGUES in region.sources)


class Asked(NamedTuple):
    """What an answer depends on, besides who is named in it. `room` is the incident's UUID, `roles` stand as in the row."""

    room: str
    rev: int
    after: int
    roles: str
    zone: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The regions, cut where the fields of a form belong, and whom they may not be given to: everybody if empty.

    `upto` is the last entry of the record that they show, which each form carries as what its reader saw.
    """

    parts: tuple[str, ...]
    named: frozenset[int]
    made: float
    upto: int

    def is_for(self, user: int) -> bool:
        """Whether this person sees just that."""
        return bool(self.parts) and user not in self.named


class Answers:
    """The last answers of this process. Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Asked, Answer] = OrderedDict()
        self._lock = Lock()
        self._makers = tuple(Lock() for _ in range(16))

    def find(self, asked: Asked) -> Answer | None:
        """The answer, if one was made within `FRESH`."""
        found = self._kept.get(asked)
        return found if found is not None and time.monotonic() - found.made < FRESH else None

    def keep(self, asked: Asked, answer: Answer) -> Answer:
        """Remember it for those who ask the same."""
        with self._lock:
            self._kept[asked] = answer
            self._kept.move_to_end(asked)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return answer

    def maker(self, asked: Asked) -> Lock:
        """Held while an answer is made, so that those who ask the same at once wait for one."""
        return self._makers[hash(asked) % len(self._makers)]


def asked(bundle: Bundle, after: int) -> Asked:
    """What this viewer asks."""
    incident, viewer = bundle.incident, bundle.viewer
    return Asked(str(incident.uid), incident.rev, after, ",".join(viewer.roles), viewer.zone)


def whose(bundle: Bundle, names: list[str]) -> frozenset[int] | None:
    """Whom the record names in what was read; None where these regions are each person's own."""
    return None if PERSONAL & set(names) else frozenset(named(bundle))


def for_nobody(bundle: Bundle) -> Bundle:
    """The same, looked at by somebody with these roles and this zone who is nobody. The looker is not named in it."""
    looker = bundle.viewer
    others = {user: human for user, human in bundle.people.items() if user != looker.pk}
    return replace(bundle, viewer=User(pk=0, roles=list(looker.roles), zone=looker.zone), people=others)


answers: Final = Answers()

"""What somebody or something was called at an instant: a new name never changes what an old entry says. Pure.

PostgreSQL keeps `former_names` by a trigger (`kernel.former_names`): `[{"name": ..., "until": stamp}]`, the oldest first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from incidentdesk.kernel.stamps import stamp

Former = Sequence[Mapping[str, str]]


def name_at(name: str, former: Former, at: datetime) -> str:
    """The name that was in use at an aware instant, where `name` is the present one."""
    if not former:
        return name
    then = stamp(at)
    return next((each["name"] for each in former if then < each["until"]), name)


@dataclass(frozen=True)
class Naming:
    """Names by number, for any instant."""

    present: Mapping[int, str]
    former: Mapping[int, Former] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[tuple[int, str, Former]]) -> "Naming":
        """From number, present name and former names."""
        rows = list(rows)
        return cls({pk: name for pk, name, _ in rows}, {pk: former for pk, _, former in rows if former})

    def at(self, when: datetime) -> Mapping[int, str]:
        """The names of that instant; costs nothing where nobody was renamed."""
        if not self.former:
            return self.present
        return {
            **self.present,
            **{pk: name_at(self.present[pk], former, when) for pk, former in self.former.items()},
        }

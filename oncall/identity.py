"""Which rows are one outage, which of them is the latest, and whether a resolve holds (decision 54). Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property


@dataclass(slots=True)
class Waiting:
    """An alert that the record has to hear of, as it stood when it was read.

    Where its source's clock runs ahead, `starts_at` is when it came and `ahead` is true; the row keeps what was sent.
    `read` is how the row stood, to be compared when it is written. `left` is the row that stays with an incident that is
    over, where the alert goes on in a new one.
    """

    id: int
    source: str
    fingerprint: str
    starts_at: datetime
    ends_at: datetime | None
    state: str
    critical: bool
    presumed: int | None
    name: str
    summary: str
    value: str
    service_slug: str
    group_key: str
    fired: bool
    received_at: datetime
    ahead: bool
    incident: int | None
    service: int | None = None
    again: bool = False
    resolved_at: datetime | None = None
    back_at: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    word: str = ""
    read: str = ""
    left: int | None = None

    def __post_init__(self) -> None:
        self.read = self.read or self.state

    @property
    def group(self) -> tuple[str, str]:
        """What one incident is opened for."""
        return self.source, self.group_key

    @property
    def is_back(self) -> bool:
        """Whether it fires again after a resolve."""
        return self.state == "firing" and self.back_at is not None

    def weigh(self, *, stale: timedelta) -> None:
        """Take back its resolve where another sender tells of it firing more than `stale` later; until then that is a
        repeat that was overtaken, and changes nothing."""
        if self.state != "resolved" or self.back_at is None:
            return
        if self.resolved_at is None or self.back_at - self.resolved_at > stale:
            self.state, self.fired = "firing", True


@dataclass(frozen=True, slots=True)
class Kin:
    """Another firing of the same alert, or the group's incident: where it is and how it stands. Times as in Waiting.

    `settled` says that it was admitted once, `same_as` that it is another sender's start of that outage, `past` that it
    went on in another row after its incident was over.
    """

    id: int
    source: str
    fingerprint: str
    group_key: str
    starts_at: datetime
    state: str
    fired: bool
    received_at: datetime
    ahead: bool
    incident: int | None
    status: str
    sender: str = ""
    same_as: int | None = None
    settled: bool = True
    past: bool = False


def in_order(firings: Iterable[Kin]) -> list[Kin]:
    """All firings known of one alert, the earliest first; one order, however they are handed in.

    By their starts; but one that its source's clock dates ahead is later than all that was received before it, and earlier
    than all that was received after it. A start in the future would otherwise make every outage until then look like old
    news, and nobody would be woken. So starts are compared only between firings with no such one received between them.
    """
    placed: list[tuple[tuple[int, bool, datetime, datetime, int], Kin]] = []
    stretch = 0
    for each in sorted(firings, key=lambda one: (one.received_at, one.id)):
        stretch += each.ahead
        placed.append(((stretch, not each.ahead, each.starts_at, each.received_at, each.id), each))
    return [each for _, each in sorted(placed, key=lambda one: one[0])]


def one_outage(firings: Iterable[Kin], *, within: timedelta) -> dict[int, int]:
    """Which rows of one alert are another sender's start of an outage that is known: that outage's row, by row.

    The row that came first is the outage. A sender has one start for each outage: where it tells a second one, that is a
    new outage, however near. Senders that do not name themselves cannot be told apart, so theirs are never one.
    """
    found: dict[int, int] = {}
    told: dict[int, set[str]] = defaultdict(set)  # the senders that have told of an outage
    current = sorted((each for each in firings if not each.past), key=lambda one: one.id)
    for each in current:
        root = each.same_as or (None if each.settled else _nearest(each, current, told, found, within))
        if root is not None:
            found[each.id] = root
        told[root or each.id].add(each.sender)
    return found


def _nearest(
    new: Kin, firings: Iterable[Kin], told: dict[int, set[str]], found: dict[int, int], within: timedelta
) -> int | None:
    near = [
        (abs(each.starts_at - new.starts_at), each.id)
        for each in firings
        if each.id in told and each.id not in found and _others(each.sender, new.sender)
        and new.sender not in told[each.id] and abs(each.starts_at - new.starts_at) <= within
    ]  # fmt: skip
    return min(near)[1] if near else None


def _others(one: str, other: str) -> bool:
    return bool(one and other) and one != other


class Outages:
    """All that is known of some alerts, by alert: their outages in order, and which rows only repeat one."""

    def __init__(self, kin: Iterable[Kin], *, same: timedelta) -> None:
        self._of: dict[tuple[str, str], list[Kin]] = defaultdict(list)
        for each in kin:
            self._of[each.source, each.fingerprint].append(each)
        self._same = same

    @cached_property
    def roots(self) -> dict[int, int]:
        """The row of its outage, for each row that is another sender's start of it."""
        return {
            row: root
            for firings in self._of.values()
            for row, root in one_outage(firings, within=self._same).items()
        }

    def before(self, alert: Waiting) -> list[Kin]:
        """The other outages of an alert, the earliest first."""
        return [each for each in self._ordered(alert) if each.id != alert.id]

    def is_over(self, alert: Waiting) -> bool:
        """Whether its source has started it anew since."""
        ordered = self._ordered(alert)
        return bool(ordered) and ordered[-1].id != alert.id

    def incidents(self, alert: Waiting) -> set[int]:
        """The incidents that an alert was on."""
        found = self._of.get((alert.source, alert.fingerprint), ())
        return {each.incident for each in found if each.incident is not None}

    def _ordered(self, alert: Waiting) -> list[Kin]:
        return in_order(
            each for each in self._of.get((alert.source, alert.fingerprint), ()) if each.id not in self.roots
        )

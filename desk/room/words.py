"""Moments, lengths of time and people as one viewer reads them: the only place that formats them (INC-17)."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from desk.room.load import Human
from desk.room.shapes import Countdown, Moment, Person
from incidentdesk.kernel.stamps import Stamp, moment
from people.naming import name_at

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    "", "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_NOTHING = timedelta(0)
NOBODY = Person("", "somebody", "?")


@lru_cache(maxsize=64)
def zone_name(offset: timedelta) -> str:
    """`UTC`, `UTC+1`, `UTC+5:45`."""
    if not offset:
        return "UTC"
    hours, minutes = divmod(abs(int(offset.total_seconds())) // 60, 60)
    return f"UTC{'-' if offset < _NOTHING else '+'}{hours}" + (f":{minutes:02}" if minutes else "")


def moment_of(at: datetime, zone: ZoneInfo) -> Moment:
    """An aware UTC instant in the words of the viewer's zone, UTC beside it."""
    iso = f"{at.year:04}-{at.month:02}-{at.day:02}T{at.hour:02}:{at.minute:02}:{at.second:02}"
    local = at.astimezone(zone)
    offset = local.utcoffset() or _NOTHING
    name = zone_name(offset)
    clock = f"{local.hour:02}:{local.minute:02}:{local.second:02}"
    day = f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month]}"
    beside = f" ({iso[11:]} UTC)" if offset else ""
    return Moment(
        iso=f"{iso}Z",
        clock=clock,
        short=clock[:5],
        utc=f"{iso[11:16]} UTC" if offset else "",
        day=day,
        zone=name,
        full=f"{day} {local.year}, {clock} {name}{beside}",
        local=f"{local.year:04}-{local.month:02}-{local.day:02}T{clock}",
    )


def figure(seconds: float) -> str:
    """A length of time as the page's script writes it: `06:45`, `1:02:03`, `2 d 3 h`."""
    whole = max(0, int(seconds))
    if whole >= 86_400:
        return f"{whole // 86_400} d {whole % 86_400 // 3600} h"
    hours, rest = divmod(whole, 3600)
    text = f"{rest // 60:02}:{rest % 60:02}"
    return f"{hours}:{text}" if hours else text


def upward(seconds: float) -> str:
    """What is left, rounded up, so that 0 is said only when it is over."""
    whole = int(seconds)
    return figure(whole + (seconds > whole))


def rough(seconds: float) -> str:
    """A length of time for a sentence: `50 s`, `12 min`, `3 h 20 min`, `2 d 3 h`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return figure(whole)


def number(value: float) -> str:
    """A figure with its thousands apart: `1,200`, `0.5`."""
    return f"{int(value):,}" if value == int(value) else f"{value:,g}"


def counted(many: int, one: str, more: str = "") -> str:
    """`1 client`, `3 clients`."""
    return f"{many} {one if many == 1 else more or one + 's'}"


def listed(names: list[str]) -> str:
    """`Ann`, `Ann and Bo`, `Ann, Bo and Cy`."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


class Words:
    """Formatting for one viewer at one instant. `now` is aware UTC; people are those the loader found.

    `today` is the instant whose day needs no name, where that is not `now`: a driven incident speaks of another day.
    """

    def __init__(
        self, *, now: datetime, zone: ZoneInfo, viewer: int, people: Mapping[int, Human], today: datetime | None = None
    ) -> None:  # fmt: skip
        self.now, self.zone, self.viewer, self.people = now, zone, viewer, people
        self._today = today or now
        self._said: dict[datetime, Moment] = {}

    @property
    def local(self) -> bool:
        """Whether the viewer's clock differs from UTC now."""
        return bool(self.now.astimezone(self.zone).utcoffset())

    def at(self, when: datetime | Stamp) -> Moment:
        """An instant, formatted once."""
        at = moment(when) if isinstance(when, str) else when
        said = self._said.get(at)
        if said is None:
            said = self._said[at] = moment_of(at, self.zone)
        return said

    def short(self, when: datetime | Stamp) -> str:
        """`03:47`, with its day when that is not today's."""
        at = self.at(when)
        return at.short if at.day == self.today else f"{at.day} {at.short}"

    def beside(self, entry: datetime) -> Callable[[Stamp], str]:
        """How a sentence of an entry tells an instant: `03:47:04`, with its day when that is not the entry's own."""

        def exact(when: Stamp) -> str:
            at = self.at(when)
            return at.clock if at.day == self.at(entry).day else f"{at.day} {at.clock}"

        return exact

    @property
    def today(self) -> str:
        """The day that needs no name."""
        return self.at(self._today).day

    def since(self, when: datetime | Stamp) -> float:
        """Seconds from an instant until now."""
        return (self.now - (moment(when) if isinstance(when, str) else when)).total_seconds()

    def name(self, user: int | None, then: datetime | None = None) -> str:
        """Somebody's name; with `then`, when an entry was recorded, the name they had at that time."""
        human = self.people.get(user or 0)
        if human is None:
            return NOBODY.name
        return human.name if then is None else name_at(human.name, human.former, then)

    def whom(self, user: int | None, then: datetime | None = None) -> str:
        """As `name`, or `you`."""
        return "you" if user == self.viewer else self.name(user, then)

    def person(self, user: int | None) -> Person | None:
        """Somebody with the way to reach them (ROLE-37)."""
        human = self.people.get(user or 0)
        if human is None:
            return None if user is None else NOBODY
        contact = f"mailto:{human.email}" if human.email else ""
        return Person(human.uid, human.name, human.initials, user == self.viewer, contact, human.note)

    def running(self, label: str, since: datetime | Stamp) -> Countdown:
        """A figure that counts up."""
        return Countdown(label, "since", self.at(since), figure(self.since(since)))

    def until(self, label: str, due: Stamp, *, soon: Stamp | None = None) -> Countdown:
        """A figure that counts down and then says how late it is."""
        left = -self.since(due)
        look = "late" if left < 0 else "soon" if soon is not None and self.since(soon) >= 0 else ""
        text = f"late {figure(-left)}" if left < 0 else upward(left)
        return Countdown(label, "until", self.at(due), text, look, self.at(soon).iso if soon else "")  # type: ignore[arg-type]


def fixed(label: str, text: str, at: Moment | None = None) -> Countdown:
    """A figure that stands still."""
    return Countdown(label, "fixed", at, text)

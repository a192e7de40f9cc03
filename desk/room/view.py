"""The room put together: the whole page, or the regions that new entries can have changed."""

from collections.abc import Mapping
from functools import cached_property

from desk.answers import FormState, Told
from desk.room import banners, changes, choices, clocks, gate, header, impact, places, roster
from desk.room.load import CAUGHT_UP, Bundle, Row, Source, Want, fill, newer, older, reread, skipped
from desk.room.regions import ALL, LAST, NAMED, REGIONS, ROWS, regions_of
from desk.room.shapes import (
    Alerts,
    Banner,
    ChangeCard,
    Choices,
    ClockTile,
    Gate,
    Header,
    Impact,
    Live,
    Objective,
    Pair,
    Places,
    Roster,
    SendRow,
    State,
    TheoryRow,
    Timeline,
)
from desk.room.standing import Standing
from desk.room.timeline import teller
from desk.room.typed import forms_of
from desk.room.words import Words, rough
from incidentdesk.kernel.stamps import stamp
from incidents.protocol import Reading, read, score
from incidents.protocol.score import durations, impact_minutes

_OUTCOME = {
    "to acknowledge": "Time to acknowledge", "to IC": "Time to IC", "to first external notice": "Time to first notice",
    "to mitigation": "Time to mitigate", "to resolution": "Time to resolve",
}  # fmt: skip


class Room:
    """What the region templates read as `room`: each part is made when a template first asks for it."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.base = f"/incidents/{bundle.incident.key}/"
        self.here = Standing(bundle.protocol, bundle.state, bundle.viewer, bundle.now)
        self.words = Words(
            now=bundle.now,
            zone=bundle.viewer.tz,
            viewer=bundle.viewer.pk,
            people=bundle.people,
            today=bundle.wall,
        )
        self.answer: Told | None = None
        self.skipped = 0  # new entries that this answer leaves out, all older than its `first`
        self.first = 1
        self.forms: Mapping[str, FormState] = forms_of(None)
        self.record_url = f"{self.base}record/"
        self.update_url = f"{self.base}updates/new/"
        self.draft = str(bundle.incident.uid)

    @cached_property
    def readings(self) -> list[Reading]:
        """Every clock at this instant."""
        return read(self.bundle.protocol, self.bundle.state, self.bundle.now)

    @cached_property
    def may(self) -> frozenset[str]:
        """The acts whose button is shown."""
        return self.here.nouns

    @cached_property
    def live(self) -> Live:
        """Where the page polls. A driven incident stands still at its driver's last instant."""
        bundle = self.bundle
        return Live(
            url=f"{self.base}live/",
            cursor=str(bundle.incident.rev),
            now=stamp(bundle.now),
            tick=stamp(bundle.tick) if bundle.tick else "",
            closed=is_still(bundle),
        )

    @cached_property
    def state(self) -> State:
        return header.state(self.bundle, self.here, self.readings, self.words)

    @cached_property
    def header(self) -> Header:
        return header.header(self.bundle, self.here, self.readings, self.words)

    @cached_property
    def banners(self) -> tuple[Banner, ...]:
        return banners.banners(self.bundle, self.here, self.readings, self.words)

    @cached_property
    def clocks(self) -> tuple[ClockTile, ...]:
        return clocks.tiles(self.readings, self.bundle.protocol, self.bundle.state, self.words)

    @cached_property
    def objective(self) -> Objective:
        return roster.objective(self.bundle, self.words)

    @cached_property
    def roster(self) -> Roster:
        return roster.roster(self.bundle, self.here, self.readings, self.words)

    @cached_property
    def impact(self) -> Impact:
        return impact.impact(self.bundle, self.here, self.words)

    @cached_property
    def _cards(self) -> tuple[tuple[ChangeCard, ...], tuple[ChangeCard, ...]]:
        return changes.cards(self.bundle, self.here, self.readings, self.words)

    @property
    def waiting(self) -> tuple[ChangeCard, ...]:
        return self._cards[0]

    @property
    def changes(self) -> tuple[ChangeCard, ...]:
        return self._cards[1]

    @cached_property
    def decides(self) -> str:
        return "" if self.here.over else header.decides(self.bundle.state, self.words)

    @cached_property
    def gate(self) -> Gate:
        return gate.gate(self.bundle, self.here, self.readings, self.words)

    @cached_property
    def theories(self) -> tuple[TheoryRow, ...]:
        return places.theories(self.bundle, self.here, self.words)

    @cached_property
    def timeline(self) -> Timeline:
        """The rows that were loaded, newest first; older ones stand in the record."""
        bundle = self.bundle
        told = teller(
            words=self.words, protocol=bundle.protocol, state=bundle.state, rights=self.here.rights,
            rows=[*bundle.pinned, *bundle.rows], names=bundle.catalogue,
            may_post="corrections" in self.may,
        )  # fmt: skip
        entries = told.entries(bundle.rows)
        first = bundle.rows[-1].seq if bundle.rows else 1
        older_ = f"{self.record_url}?before={first}" if first > 1 else ""
        return Timeline(entries, bundle.incident.seq, older_, self.words.local, self.words.today)

    @property
    def gap(self) -> int:
        """The newest entry of those that are left out: the line that says so is put in its place."""
        return self.first - 1

    @cached_property
    def sends(self) -> tuple[SendRow, ...]:
        return places.sends(self.bundle, self.here, self.words)

    @property
    def older_sends(self) -> int:
        """How many texts were sent before those that are listed."""
        return places.missing(self.bundle.sends)

    @cached_property
    def alerts(self) -> Alerts:
        return places.alerts(self.bundle, self.here, self.readings, self.words)

    @cached_property
    def places(self) -> Places:
        return places.places(self.bundle)

    @cached_property
    def choices(self) -> Choices:
        return choices.choices(self.bundle, self.words)

    @cached_property
    def outcome(self) -> tuple[Pair, ...]:
        """The strip of figures once it is resolved (RES-16)."""
        fold = self.bundle.state
        if "resolved" not in fold["milestones"] or not self.here.over:
            return ()
        took = durations(fold)
        minute = fold["minute"]
        pairs = [Pair(label, rough(took[name] * minute)) for name, label in _OUTCOME.items() if name in took]
        pairs.append(Pair("Impact", rough(impact_minutes(fold, self.bundle.now)[0] * minute)))
        marks = score(self.bundle.protocol, fold, self.bundle.now)
        pairs.append(Pair("Clocks and rules kept", f"{sum(mark.met for mark in marks)} of {len(marks)}"))
        return tuple(pairs)


def is_still(bundle: Bundle) -> bool:
    """Whether nothing on the page moves any more."""
    return bundle.state["status"] == "closed" or bundle.incident.time == "driven"


def whole(bundle: Bundle) -> Room:
    """Everything, with the last entries. A fixed number of statements."""
    sources = frozenset(Source) - {Source.WRITERS}
    fill(bundle, Want(True, ALL, LAST, sources))
    bundle.writers = {row.author for row in bundle.rows if row.author is not None}
    return Room(bundle)


def news(bundle: Bundle, after: int) -> tuple[Room, list[str]]:
    """What has changed since a cursor: the new rows, older ones that look different now, and the names of regions."""
    fresh = newer(bundle, after)
    names = _changed(bundle, fresh, after)
    kinds = {row.kind for row in fresh}
    touched = _touched(bundle, fresh)
    wanted = [REGIONS[name] for name in names]
    want = Want(
        all_of=frozenset[str]().union(*(region.all_of for region in wanted), ROWS if touched else ()),
        last_of=frozenset[str]().union(*(region.last_of for region in wanted)),
        sources=frozenset[Source]().union(
            *(region.sources for region in wanted), {Source.CATALOGUE} if kinds & NAMED else ()
        ),
    )
    bundle.rows = [*fresh, *touched]
    room = Room(fill(bundle, want))
    if len(fresh) >= CAUGHT_UP:
        room.skipped = skipped(bundle, after if after <= bundle.incident.rev else 0, fresh[-1].seq)
        room.first = fresh[-1].seq
    return room, names


def _changed(bundle: Bundle, fresh: list[Row], after: int) -> list[str]:
    if len(fresh) >= CAUGHT_UP or after > bundle.incident.rev:
        return list(REGIONS)
    names = set(regions_of(bundle.protocol, {row.kind for row in fresh}))
    silent = bundle.incident.rev - after - len(fresh)
    if silent:  # an alert that reads otherwise raises the cursor without an entry, and so does a delivery that was settled
        read = reread(bundle, after)
        names |= {*(("alerts",) if read else ()), *(("sends",) if silent > read else ())}
    seated = {held["user"] for held in bundle.state["seats"].values()}
    if any(row.author is not None and row.author not in seated for row in fresh):  # here without a role
        names.add("roster")
    return [name for name in REGIONS if name in names]


def _touched(bundle: Bundle, fresh: list[Row]) -> list[Row]:
    """Older rows whose look the new ones changed: settled theories, corrected and redacted lines, proposals that were answered."""
    seqs, numbers = set(), set()
    for row in fresh:
        if row.kind == "theory.settled":
            seqs.add(row.payload["theory"])
        elif row.kind in ("corrected", "redacted"):
            seqs.add(row.payload["of"])
        elif row.kind.startswith("change.") and row.kind != "change.proposed":
            numbers.add(row.payload["change"])
    known = {row.seq for row in fresh}
    return [row for row in older(bundle, seqs, numbers) if row.seq not in known] if seqs or numbers else []

"""What a page says, as of now: what fired and how it stands, who did not answer before, who is next and when.

The mail of a page is written with it when it leaves, and the page behind its link when it is opened. Three queries,
however many pages.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Final, cast

import orjson

from comms.bundles import PageWords
from comms.models import Message
from desk.notices import room_url
from incidentdesk.kernel import sql
from incidentdesk.kernel.stamps import moment
from incidents.protocol import FOLD_VERSION, Protocol, State, clocks, paging
from incidents.protocol.state import PageState
from incidents.record import folded, protocol_of
from oncall import labels
from people.models import User

FIRED_SHOWN: Final = 5
MISSED_SHOWN: Final = 5
_INCIDENTS: Final = """
SELECT id, key, title, state::text, protocol_id, fold_version FROM incidents_incident WHERE id = ANY(%b::bigint[])
"""
# What fires comes first, then what ended last; how many there are in all stands beside each.
_ALERTS: Final = """
SELECT incident_id, name, value, began, over, state, total, id, labels, generator_url, runbook_url FROM (
  SELECT a.incident_id, a.id, a.name, a.value, (a.payload->'labels')::text AS labels, a.generator_url, a.runbook_url, least(a.starts_at, a.received_at) AS began,
    CASE WHEN a.state = 'firing' THEN NULL ELSE coalesce(a.ends_at, a.resolved_at) END AS over, a.state,
    count(*) OVER (PARTITION BY a.incident_id) AS total,
    row_number() OVER (PARTITION BY a.incident_id
      ORDER BY a.state <> 'firing', NOT a.critical, coalesce(a.resolved_at, a.starts_at) DESC, a.id DESC) AS place
  FROM oncall_alert a WHERE a.incident_id = ANY(%b::bigint[]) AND a.fired) ranked
WHERE place <= %s ORDER BY incident_id, place
"""


@dataclass(frozen=True)
class Fired:
    """One alert: since when, and when it ended; `over` is None while it fires. `labels` tell it from others of its name."""

    name: str
    value: str
    since: datetime
    over: datetime | None
    by_hand: bool
    labels: str = ""
    source: str = ""
    runbook: str = ""


@dataclass(frozen=True)
class Missed:
    """A page of the same chain that nobody answered before this one."""

    name: str
    at: datetime


@dataclass(frozen=True)
class PageNow:
    """How the incident of a page stands. `answered` is who acknowledged it and when; `next_at` when the chain goes on."""

    key: str
    title: str
    fired: tuple[Fired, ...]
    more: int
    missed: tuple[Missed, ...]
    missed_before: int
    answered: Missed | None
    next_names: tuple[str, ...]
    next_at: datetime | None

    @property
    def all_over(self) -> bool:
        """Whether alerts fired and none does any more."""
        return bool(self.fired) and all(each.over is not None for each in self.fired)


Page = tuple[int, int]


def standing(wanted: Collection[Page]) -> dict[Page, PageNow]:
    """How each page (incident, number) stands; pages that the record does not have are left out."""
    ids = sorted({incident for incident, _ in wanted})
    incidents = {row[0]: row for row in sql.run(_INCIDENTS, [ids])} if ids else {}
    fired: dict[int, list[Fired]] = defaultdict(list)
    totals: dict[int, int] = {}
    rows = sql.run(_ALERTS, [ids, FIRED_SHOWN]) if ids else []
    for incident, own in groupby(rows, key=itemgetter(0)):
        alerts = list(own)
        apart = labels.apart((row[7], row[1], orjson.loads(row[8] or "{}")) for row in alerts)
        fired[incident] = [
            Fired(
                name,
                value,
                began,
                over if state != "firing" else None,
                state == "ended",
                labels.words(apart[pk]),
                source,
                runbook,
            )
            for _, name, value, began, over, state, _, pk, _, source, runbook in alerts
        ]
        totals[incident] = alerts[0][6]
    states = {pk: _state(pk, *row[3:6]) for pk, row in incidents.items()}
    calls = {
        page: _Call.of(protocol_of(incidents[page[0]][4]), states[page[0]], page[1])
        for page in wanted
        if page[0] in states and str(page[1]) in states[page[0]]["pages"]
    }
    names = dict(User.objects.filter(pk__in=_people(calls.values())).values_list("pk", "name"))
    return {
        page: PageNow(
            key=incidents[page[0]][1],
            title=incidents[page[0]][2],
            fired=tuple(fired[page[0]]),
            more=totals.get(page[0], 0) - len(fired[page[0]]),
            missed=tuple(Missed(names.get(user, ""), at) for user, at in call.missed),
            missed_before=call.missed_before,
            answered=Missed(names.get(call.answered[0], ""), call.answered[1]) if call.answered else None,
            next_names=tuple(names[user] for user in call.next if user in names),
            next_at=call.next_at,
        )
        for page, call in calls.items()
    }


def _state(incident: int, stored: str, protocol: int, fold_version: int) -> State:
    """As `records.state_of`, of a row: what an older fold stored is folded anew."""
    if fold_version == FOLD_VERSION:
        return cast(State, orjson.loads(stored))
    return folded(incident, protocol_of(protocol))


@dataclass(frozen=True)
class _Call:
    """The ids and instants of a page's chain, before anybody's name is known."""

    missed: tuple[tuple[int, datetime], ...]
    missed_before: int
    answered: tuple[int, datetime] | None
    next: tuple[int, ...]
    next_at: datetime | None

    @classmethod
    def of(cls, protocol: Protocol, state: State, number: int) -> "_Call":
        page = state["pages"][str(number)]
        chain = [page] if page["call"] == "hand" else paging.run(state)
        acked = [(each["user"], moment(each["acked"])) for each in [page, *chain] if "acked" in each]
        answered = min(acked, key=lambda each: each[1]) if acked else None
        missed = tuple(
            (each["user"], moment(each["at"]))
            for each in chain
            if each["at"] < page["at"] and "acked" not in each
        )
        at = None if answered or page["call"] == "hand" else _goes_on(protocol, state)
        following = tuple(paging.next_call(protocol, state)[1]) if at else ()
        return cls(missed[-MISSED_SHOWN:], len(missed[:-MISSED_SHOWN]), answered, following, at)


def _goes_on(protocol: Protocol, state: State) -> datetime | None:
    """When the chain calls again, or None where it does not."""
    chain = next((clock for clock in protocol.clocks if clock.kind == "chain"), None)
    waiting = clocks.deadlines(protocol, state, [clocks.name(chain.id, "")]) if chain else {}
    return min(map(moment, waiting.values()), default=None)


def _people(calls: Iterable[_Call]) -> set[int]:
    found: set[int] = set()
    for call in calls:
        found |= {user for user, _ in call.missed} | set(call.next)
        found |= {call.answered[0]} if call.answered else set()
    return found


def written(messages: Sequence[Message], now: datetime) -> Mapping[int, PageWords]:
    """`comms.bundles.writers`: what the mail of each page says at `now`."""
    pages = {
        message.pk: (message.incident_id, int(message.dedupe_key.rpartition(":")[2]))
        for message in messages
        if message.incident_id is not None
    }
    found = standing(set(pages.values()))
    return {
        message.pk: PageWords(
            here.key, here.title, said(here, now=now, waited_since=_waited(message)), room_url(here.key)
        )
        for message in messages
        for here in [found.get(pages.get(message.pk, (0, 0)))]
        if here is not None
    }


def _waited(message: Message) -> datetime | None:
    """When a page was made that waited for working hours."""
    first = message.first_attempt_at or message.due_at
    return (
        message.created_at
        if message.due_at - message.created_at > timedelta(minutes=1) <= first - message.created_at
        else None
    )


def said(here: PageNow, *, now: datetime, waited_since: datetime | None = None) -> str:
    """The paragraphs of a page's mail."""
    lines = [_fired(each, now) for each in here.fired]
    if here.more:
        lines.append(f"{here.more} more {'alerts' if here.more > 1 else 'alert'} on this incident.")
    if here.all_over:
        lines.insert(0, "No alert of this incident fires now.")
    if waited_since is not None:
        lines.append(f"Created at {waited_since:%H:%M} UTC, sent in working hours.")
    return "\n\n".join("\n".join(part) for part in (lines, _called(here, now)) if part)


def _fired(each: Fired, now: datetime) -> str:
    which = f"{each.name} ({each.labels})" if each.labels else each.name
    value = f": {each.value}" if each.value else ""
    since = f"{which}{value}, firing since {clock(each.since, now)}"
    if each.over is None:
        stands = f"{since} ({minutes(each.since, now)} min)."
    else:
        stands = f"{since}, {'ended' if each.by_hand else 'resolved'} at {clock(each.over, now)}."
    links = (("Runbook", each.runbook), ("Source", each.source))
    return "\n".join([stands, *(f"  {name}: {url}" for name, url in links if url)])


def _called(here: PageNow, now: datetime) -> list[str]:
    lines = []
    if here.missed:
        names = ", ".join(f"{each.name} ({clock(each.at, now)})" for each in here.missed)
        earlier = f", and {here.missed_before} earlier" if here.missed_before else ""
        lines.append(f"Not acknowledged: {names}{earlier}.")
    if here.answered is not None:
        lines.append(f"{here.answered.name} acknowledged at {clock(here.answered.at, now)}.")
    elif here.next_at is not None:
        lines.append(next_words(here, now=now))
    return lines


def next_words(here: PageNow, *, now: datetime) -> str:
    """Who is called after this page, and when, unless somebody acknowledges."""
    names = ", ".join(here.next_names) or "nobody"
    if here.next_at is None:
        return ""
    when = f"at {clock(here.next_at, now)}" if here.next_at > now else "now"
    return f"Next: {names} {when}, unless somebody acknowledges."


def clock(at: datetime, now: datetime) -> str:
    """02:47:10 UTC, with the date where it is another day's."""
    day = "" if at.date() == now.date() else f"{at:%Y-%m-%d} "
    return f"{day}{at:%H:%M:%S} UTC"


def minutes(since: datetime, now: datetime) -> int:
    """Whole minutes from `since` to `now`, never below zero."""
    return max(0, int((now - since).total_seconds() // 60))


__all__ = ["Fired", "Missed", "PageNow", "PageState", "clock", "next_words", "said", "standing", "written"]

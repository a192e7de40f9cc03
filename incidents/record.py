"""One incident in the hands of one transaction: fold entries in memory, store everything at the end.

A flow loads one record and saves it; the tick does the same with many in a handful of statements.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

import orjson

from incidentdesk.kernel import sql
from incidentdesk.kernel.errors import Missing
from incidentdesk.kernel.stamps import Stamp
from incidents import deadlines, timeline
from incidents.models import Incident, ProtocolVersion, TimelineEntry
from incidents.protocol import (
    FOLD_VERSION,
    Draft,
    Entry,
    Protocol,
    State,
    clocks,
    empty,
    fold,
    fold_all,
    parse,
)
from incidents.protocol.clocks import Key
from incidents.protocol.consequences import consequences, implied
from incidents.protocol.state import holder

_texts: dict[int, str] = {}


def protocol_of(version: int) -> Protocol:
    """A stored protocol version, parsed once a process."""
    if version not in _texts:
        _texts[version] = ProtocolVersion.objects.values_list("text", flat=True).get(pk=version)
    return parse(_texts[version])


class Record:
    """An incident locked by this transaction, with what was added to it since it was loaded."""

    def __init__(
        self, *, id: int, uid: str, key: str, title: str, time: str, kind: str, protocol_id: int,
        state: State, seq: int, rev: int, head: bytes, now: datetime,
    ) -> None:  # fmt: skip
        self.id, self.uid, self.key, self.title, self.time, self.kind = id, uid, key, title, time, kind
        self.protocol_id = protocol_id
        self.protocol = protocol_of(protocol_id)
        self.state, self.seq, self.rev, self.head, self.now = state, seq, rev, head, now
        self.before = state
        self.added: list[timeline.Written] = []
        self.fired: list[Key] = []
        self.stale: list[Key] = []
        self.role = ""
        self.refolded = False

    @property
    def driven(self) -> bool:
        """Whether a driver, not the wall, moves this incident."""
        return self.time == "driven"

    def add(self, draft: Draft) -> Entry:
        """Record a draft, first what it implies, then what follows from it; returns its entry."""
        for earlier in implied(self.state, draft, self.now):
            self._append(earlier)
        entry = self._append(draft)
        queue = [entry]
        while queue:
            for following in consequences(self.protocol, self.state, queue.pop(0)):
                queue.append(self._append(following))
        return entry

    def _append(self, draft: Draft) -> Entry:
        self.seq += 1
        self.rev += 1
        entry = draft.entry(self.seq, self.now)
        role = self.role_of(draft.by)
        written = timeline.written(self.id, self.rev, entry, role, draft.texts, self.head)
        self.head = written.hash
        self.added.append(written)
        self.state = fold(self.protocol, self.state, entry)
        return entry

    def role_of(self, user: int | None) -> str:
        """A person's role in this incident now: seat, owner, or what the flow says of them."""
        if user is None:
            return "desk"
        seat = next((seat for seat, held in self.state["seats"].items() if held["user"] == user), "")
        return seat or ("owner" if user == self.state["owner"] else self.role)

    def shift(self) -> deadlines.Shift:
        """How the deadline rows differ between the state loaded and the state now."""
        runs = self._changed_runs()
        old = clocks.deadlines(self.protocol, self.before, runs)
        new = clocks.deadlines(self.protocol, self.state, runs)
        fired = set(self.fired)
        gone = {key: self._outcome(key) for key in (*old, *self.stale) if key not in new and key not in fired}
        arm = {key: due for key, due in new.items() if old.get(key) != due or key in self.stale}
        return deadlines.Shift(self.id, self.driven, arm, self.fired, gone)

    def _changed_runs(self) -> list[str]:
        """Clocks that an entry of ours touched: the fold makes new values of those, and of no others."""
        before, after = self.before["clocks"], self.state["clocks"]
        changed = [name for name, run in after.items() if before.get(name) is not run]
        return [*changed, *(clocks.name(key[0], key[1]) for key in self.stale)]

    def _outcome(self, key: Key) -> str:
        run = self.state["clocks"].get(clocks.name(key[0], key[1]))
        past = next((each for each in (run["past"] if run else []) if each["n"] == key[2]), None)
        return "met" if past and "met" in past else "cancelled"


LOAD = """
SELECT i.id, i.uid::text, i.key, i.title, i.time, i.kind, i.protocol_id, i.state::text, i.seq, i.rev, i.head_hash,
  i.fold_version
FROM incidents_incident i WHERE {where} ORDER BY i.id FOR NO KEY UPDATE
"""
SAVE = """
UPDATE incidents_incident AS i SET
  state = x.state::json, seq = x.seq, rev = x.rev, head_hash = x.head, status = x.status, severity = x.severity,
  presumed = x.presumed, owner_id = x.owner, ic_id = x.ic, alert_fired_at = x.alert::timestamptz,
  declared_at = x.declared::timestamptz, resolved_at = x.resolved::timestamptz, closed_at = x.closed::timestamptz,
  next_update_at = x.next_update::timestamptz, waiting = x.waiting,
  unanswered = x.unanswered, fold_version = %s::int, driven_now = CASE WHEN i.time = 'driven' THEN %s::timestamptz END
FROM unnest(%b::bigint[], %b::text[], %b::int[], %b::int[], %b::bytea[], %b::text[], %b::int[], %b::int[],
  %b::bigint[], %b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::int[], %b::bool[])
  AS x(id, state, seq, rev, head, status, severity, presumed, owner, ic, alert, declared, resolved, closed,
       next_update, waiting, unanswered)
WHERE i.id = x.id
"""


def _record(row: Sequence[Any], now: datetime) -> Record:
    record = Record(
        id=row[0], uid=row[1], key=row[2], title=row[3], time=row[4], kind=row[5], protocol_id=row[6],
        state=cast(State, orjson.loads(row[7])), seq=row[8], rev=row[9], head=bytes(row[10]), now=now,
    )  # fmt: skip
    if row[11] != FOLD_VERSION:  # an older fold stored this state; its deadlines follow from the new one
        record.state = folded(record.id, record.protocol)
        record.refolded = True
    return record


def folded(incident: int, protocol: Protocol) -> State:
    """The state that the timeline of an incident folds to, from its first entry on."""
    rows = TimelineEntry.objects.filter(incident_id=incident).order_by("seq").iterator()
    return fold_all(protocol, empty(), map(timeline.entry_of, rows))


def state_of(incident: Incident) -> State:
    """Where the fold of an incident that was only read stands; a state that an older fold stored is folded anew."""
    if incident.fold_version == FOLD_VERSION:
        return cast(State, incident.state)
    return folded(incident.pk, protocol_of(incident.protocol_id))


def load(incident: int, *, now: datetime) -> Record:
    """Lock one incident for this transaction. Raises Missing where there is none."""
    rows = sql.run(LOAD.format(where="i.id = %s"), [incident])
    if not rows:
        raise Missing("There is no such incident.")
    return _record(rows[0], now)


def load_many(incidents: Iterable[int], *, now: datetime, wait: bool = True) -> dict[int, Record]:
    """Lock several incidents, in the order of their ids. Without `wait` those that others hold are missing in the answer."""
    statement = LOAD.format(where="i.id = ANY(%b::bigint[])")
    rows = sql.run(statement if wait else f"{statement} SKIP LOCKED", [list(incidents)])
    return {row[0]: _record(row, now) for row in rows}


def save(records: Sequence[Record], *, now: datetime) -> None:
    """Store entries, states and deadlines of records that have new entries."""
    changed = [record for record in records if record.added or record.refolded]
    if changed:
        timeline.append([written for record in changed for written in record.added])
        sql.run(SAVE, [FOLD_VERSION, now, *sql.columns(_columns(record) for record in changed)])
    deadlines.apply([record.shift() for record in records], now=now)


def touch(incidents: Iterable[int]) -> None:
    """Raise the cursor of incidents, locked by this transaction, whose pages read otherwise without a new entry."""
    ids = list(incidents)
    if ids:
        sql.run("UPDATE incidents_incident SET rev = rev + 1 WHERE id = ANY(%s::bigint[])", [ids])


def _columns(record: Record) -> tuple[Any, ...]:
    state = record.state
    return (
        record.id, orjson.dumps(state).decode(), record.seq, record.rev, record.head, state["status"],
        state["severity"], state["presumed"], state["owner"], holder(state, "ic"), state["alert"],
        _milestone(state, "declared"), _milestone(state, "resolved"), _milestone(state, "closed"),
        clocks.next_update(record.protocol, state),
        sum(change["state"] == "proposed" for change in state["changes"].values()), state["unanswered"],
    )  # fmt: skip


def _milestone(state: State, name: str) -> Stamp | None:
    found = state["milestones"].get(name)
    return found["at"] if found else None

"""The tick: claim what is due, do it once, in batches; a row that raises is taken out and retried alone.

Three callers may run it at once (beat's task, the doorbell, the keeper); the claim makes that harmless.
"""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction

from comms import outbox
from desk import admission, heartbeats, reactions
from desk.notices import Notice, messages
from desk.reactions import Line
from incidentdesk.kernel import leaving, sql, trouble
from incidents import deadlines, installation
from incidents import record as records
from incidents.deadlines import Due
from incidents.protocol.clocks import Key
from incidents.record import Record
from oncall import pages

BATCH = 200
ROUNDS = 500
PUSH = timedelta(seconds=30)
LOCK_WAIT = "SET LOCAL lock_timeout = '100ms'"
# References are checked with the row that has them, so that the row which breaks one is known.
CHECK_AT_ONCE = "SET CONSTRAINTS ALL IMMEDIATE"
# What is due and cannot be claimed is in somebody's hands, for a few milliseconds.
LOCKED_PAUSE = timedelta(seconds=0.05)
HELD_TRIES = 15
HELD_PAUSE = 1.0
log = logging.getLogger(__name__)


class StillHeld(Exception):
    """Others hold what is to be done, for longer than any act may last."""


def run(*, now: datetime, until: datetime) -> int:
    """Do everything due, then wait for what falls due before `until`; how many deadlines were done.

    `now` and `until` are aware UTC in the database's time; in between time is counted by the monotonic clock.
    """
    if not installation.may_act(now=now):
        return 0
    started, done, at = time.monotonic(), 0, now
    while True:
        count = sweep(now=at)
        done += count
        heartbeats.beat(heartbeats.TICK, now=at)
        coming = deadlines.next_due()
        at = now + timedelta(seconds=time.monotonic() - started)
        if coming is None or coming >= until or at >= until or leaving.asked():
            return done
        rest = coming - at if coming > at else timedelta() if count else min(LOCKED_PAUSE, until - at)
        time.sleep(rest.total_seconds())
        at = now + timedelta(seconds=time.monotonic() - started)


def last_at() -> datetime | None:
    """When the last tick of anybody was completed."""
    return heartbeats.last(heartbeats.TICK)


def sweep(*, now: datetime) -> int:
    """One round: alerts that wait to be admitted, then due rows batch by batch, until nothing is due at `now`.

    In a process that is to end, no further batch after the first. What is still due after `ROUNDS` batches is left to the
    next tick: no row may keep this one from ending, or from saying that it lives.
    """
    admission.admit_pending(now=now)
    done = 0
    for _ in range(ROUNDS):
        count = batch(now=now)
        done += count
        if count == 0 or leaving.asked():
            break
    return done


def catch_up(*, now: datetime, upto: datetime) -> int:
    """Carry out at `now` what was due up to `upto`, whether or not the desk is held; how many.

    Waits for rows that others hold, a second each time and 15 in all. Raises StillHeld when some are held even then.
    """
    done = tries = 0
    while True:
        count = batch(now=now, upto=upto)
        done += count
        coming = deadlines.next_due()
        if coming is None or coming > upto:
            return done
        if not count:
            tries += 1
            if tries > HELD_TRIES:
                raise StillHeld("Deadlines are held by transactions that do not end.")
            time.sleep(HELD_PAUSE)


def batch(*, now: datetime, limit: int = BATCH, upto: datetime | None = None) -> int:
    """Claim and do up to `limit` rows that were due at `upto` (by default `now`) in one transaction; row by row where
    one of them raises."""
    upto = upto or now
    coming = deadlines.next_due()
    if coming is None or coming > upto:
        return 0  # most rounds: one statement, and no transaction to open and close
    try:
        with transaction.atomic():
            dues = deadlines.claim_due(now=upto, limit=limit)
            if dues:
                _do(dues, now)
            return len(dues)
    except Exception as error:  # the batch is rolled back whole; the bad row is found below
        if trouble.is_lock_wait(error):
            log.warning("A batch of deadlines met a lock; doing its rows one by one.")
        else:
            log.exception("A batch of deadlines failed; doing its rows one by one.")
        return _one_by_one(now, limit, upto)


def _one_by_one(now: datetime, limit: int, upto: datetime) -> int:
    """How many rows were done or pushed. A row that meets another's lock stays due, for the next round."""
    count = 0
    with transaction.atomic():
        sql.run(LOCK_WAIT)
        sql.run(CHECK_AT_ONCE)
        dues = deadlines.claim_due(now=upto, limit=limit)
        for due in dues:
            try:
                with transaction.atomic():
                    _do([due], now)
                count += 1
            except Exception as error:  # one poisoned row must not stop the others
                if trouble.is_lock_wait(error):
                    continue
                log.exception("Deadline %s of incident %s failed.", due.key, due.incident)
                _push(due, error, now)
                count += 1
    return count


def _push(due: Due, error: Exception, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE incidents_deadline SET due_at = %s, last_error = %s WHERE id = %s",
            [now + PUSH, f"{type(error).__name__}: {error}"[:300], due.id],
        )


def _do(dues: Sequence[Due], now: datetime) -> None:
    loaded = records.load_many({due.incident for due in dues}, now=now)
    carry = Carry(loaded)
    for due in dues:
        carry.out(loaded[due.incident], due.key, due.due_at)
    carry.store(now=now)


class Carry:
    """What one transaction of the tick does: reactions carried out on records, stored together at the end."""

    def __init__(self, loaded: dict[int, Record]) -> None:
        self.loaded = loaded
        self.lines: dict[tuple[int, int, datetime], tuple[Key, list[Line]]] = {}
        self.planned: list[pages.Planned] = []

    def out(self, record: Record, key: Key, due_at: datetime) -> None:
        """Carry out one deadline; rows whose clock has moved on meanwhile are only settled."""
        reaction = reactions.react(record.protocol, record.state, key, record.now)
        for draft in reaction.drafts:
            record.add(draft)
        if reaction.fires:
            record.fired.append(key)
        else:
            record.stale.append(key)
        for line in reaction.lines:
            held = self.lines.setdefault((record.id, line.user, due_at), (key, []))
            held[1].append(line)
        if reaction.call is not None:
            call = reaction.call
            self.planned.append(
                pages.plan(
                    record.id,
                    record.uid,
                    record.key,
                    record.title,
                    call.pages,
                    call.call,
                    call.level,
                    now=record.now,
                    at=call.at,
                )
            )

    def store(self, *, now: datetime) -> None:
        """Entries, states, deadlines, pages and messages: a handful of statements, however many records."""
        records.save(list(self.loaded.values()), now=now)
        pages.store(self.planned, now=now)
        notices = [
            Notice(
                incident,
                (user,),
                lines[0].text.rstrip(".") if len(lines) == 1 else f"{len(lines)} clocks need you",
                "" if len(lines) == 1 else "\n".join(line.text for line in lines if line.clock is None),
                "clock:" + ":".join(map(str, key)),
                clocks=tuple(line.clock for line in lines if line.clock is not None),
            )
            for (incident, user, _), (key, lines) in self.lines.items()
        ]
        sent = messages(notices, self.loaded)
        outbox.put([*sent, *(message for planned in self.planned for message in planned.messages)], now=now)


def drive(incident: int, *, until: datetime, inclusive: bool = False) -> int:
    """Carry out the deadlines of one driven incident up to `until`, each at its own instant; how many.

    Without `inclusive` what is due at `until` itself waits, since the acts of that instant come first. What falls due newly
    late, by an act that was entered later, is done at the instant of that act, after all others of it.
    """
    done = 0
    while True:
        with transaction.atomic():
            due = _next_of(incident, until, inclusive=inclusive)
            if due is None:
                return done
            record = records.load(incident, now=due.due_at)
            carry = Carry({incident: record})
            carry.out(record, due.key, due.due_at)
            carry.store(now=due.due_at)
            done += 1


NEXT_OF = """
SELECT d.id, d.incident_id, d.clock, d.subject, d.occurrence, d.step, greatest(d.due_at, i.driven_now)
FROM incidents_deadline d JOIN incidents_incident i ON i.id = d.incident_id
WHERE d.incident_id = %s AND d.state = 'armed'
  AND (greatest(d.due_at, i.driven_now) < %s OR (%s AND greatest(d.due_at, i.driven_now) = %s))
ORDER BY d.due_at, d.id LIMIT 1
"""


def _next_of(incident: int, until: datetime, *, inclusive: bool) -> Due | None:
    with connection.cursor() as cursor:
        cursor.execute(NEXT_OF, [incident, until, inclusive, until])
        row = cursor.fetchone()
    return None if row is None else Due(row[0], row[1], (row[2], row[3], row[4], row[5]), row[6])

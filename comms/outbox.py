"""The outbox: put in the fact's own transaction, claimed under a lease, settled only by the holder of the attempt."""

import logging
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from django.db import connection, transaction
from django.db.models import Case, DateTimeField, F, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Coalesce

from comms import breakers, bundles, threads
from comms.channels import Outcome, Result
from comms.channels.guard import Forbidden, place
from comms.doorbell import ring
from comms.models import Channel, Message, Priority, State, Way
from comms.verdict import Verdict, verdict
from incidentdesk.kernel import sql
from incidents.models import Incident

PER_LANE: Final = 20
MAIL_LANES: Final = 4

RESTORED: Final = "Not sent: this desk was restored from a copy."

_quiet: ContextVar[bool] = ContextVar("quiet", default=False)
logger = logging.getLogger(__name__)

Tried = tuple[Message, Outcome]

# Called in the settling transaction with each message that was given up, so that people see it on the incident.
dead_hooks: list[Callable[[Message, datetime], None]] = []


@dataclass(frozen=True)
class NewMessage:
    """A message to put. `key` names the fact and the destination for ever; the same key twice is one message.

    Mail payload: subject, body, thread, and link for a secret one (kernel.links). Webhook payload: the JSON to send, with
    client (an id) where that client's secret signs it. With `text_id` the words come from that text of an update.
    With `audience` it belongs to the incident's mail thread for them (comms.threads), and `subject` is only its label here.
    With `bundles` it may travel with others to the same address, at most one mail in PAGE_SECONDS (comms.bundles).
    """

    key: str
    channel: Channel
    dest: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    incident_id: int | None = None
    text_id: int | None = None
    priority: Priority = Priority.UPDATE
    due_at: datetime | None = None
    bundles: bool = False
    audience: str = ""


def put(rows: Sequence[NewMessage], *, now: datetime) -> int:
    """Store messages in the caller's transaction and ring after its commit; how many were new.

    Twice with one key is once. Messages of an incident in driven time and of a drill are stored as simulated: they are
    never leased, so nothing of them can leave.
    """
    if not rows:
        return 0
    keys = {(row.incident_id, row.audience) for row in rows if row.audience and row.incident_id is not None}
    places = threads.places(keys, now=now)
    placed = [places.get((row.incident_id or 0, row.audience)) for row in rows]
    columns = (
        [row.key for row in rows],
        [row.incident_id for row in rows],
        [row.text_id for row in rows],
        [row.channel.value for row in rows],
        [row.dest for row in rows],
        [lane(row) for row in rows],
        [orjson.dumps(dict(row.payload)).decode() for row in rows],
        [int(row.priority) for row in rows],
        [row.due_at or now for row in rows],
        [row.bundles for row in rows],
        [place.thread if place else None for place in placed],
        [place.announces if place else None for place in placed],
    )
    states = [state for (state,) in sql.run(_PUT, [_quiet.get(), now, *columns])]
    if State.PENDING in states:
        transaction.on_commit(ring, robust=True)
    return len(states)


@contextmanager
def quiet() -> Iterator[None]:
    """What is put while the block runs is kept and not sent; people may send it by hand."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def keep_older(than: datetime) -> int:
    """Keep, unsent, what was put at or before `than` and has not gone out; how many. Ends the leases of a desk that is no more."""
    waiting = Message.objects.filter(state__in=[State.PENDING, State.LEASED], created_at__lte=than)
    kept = waiting.update(state=State.KEPT, lease_until=None, last_error=RESTORED)
    Message.objects.filter(state=State.LEASED).update(state=State.PENDING, lease_until=None)
    return kept


def lane(row: NewMessage) -> str:
    """The bulkhead a message goes through: pages apart from all else, mail in four, webhooks by host."""
    if row.channel is Channel.WEBHOOK:
        try:
            _, host, port, _ = place(row.dest)
        except Forbidden:
            return "webhook:unreadable"
        return f"webhook:{host}:{port}"[:300]
    kind = "page" if row.priority == Priority.PAGE else row.channel.value
    return f"{kind}.{zlib.crc32(row.dest.encode()) % MAIL_LANES}"


def claim(
    *, limit: int, now: datetime, lease: timedelta, busy: Sequence[str] = (), pages_only: bool = False
) -> list[Message]:
    """Lease due messages, pages first, none of the lanes in `busy`: pages of up to `limit` ways, and `limit` others, at
    most 20 of those a lane.

    Rows that another process is claiming are skipped, not waited for. A lease that ran out is due again.
    Lanes whose breaker is open are left alone, but for pages.
    """
    pages = bundles.claim(now=now, until=now + lease, busy=busy, limit=limit)
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "now": now,
                "until": now + lease,
                "busy": list(busy),
                "limit": limit,
                "per_lane": PER_LANE,
                "least": Priority.PAGE if pages_only else max(Priority),
            },
        )
        ids = [*pages, *(pk for (pk,) in cursor.fetchall())]
    found = Message.objects.select_related("text", "thread", "announces").in_bulk(ids)
    return sorted(found.values(), key=lambda message: (message.priority, message.due_at, message.pk))


def settle(message: Message, outcome: Outcome, *, now: datetime) -> State | None:
    """`settle_many` of one: its new state, or None when the message is no longer ours."""
    return settle_many([(message, outcome)], now=now).get(message.pk)


def settle_many(
    tried: Sequence[Tried], *, now: datetime, held: list[Tried] | None = None
) -> dict[int, State]:
    """Write what tries came to, raise the incidents' revs, and tell people of messages given up; states by message.

    A message that is no longer ours (its lease ran out and another took it) is left as it is and missing in the answer.
    With `held` nothing is waited for: messages whose incident another transaction holds are added to it, unwritten.
    """
    with transaction.atomic():
        # The incidents first, in the order of their ids, as in every flow; nobody waits in the other order.
        incidents = sorted({message.incident_id for message, _ in tried if message.incident_id is not None})
        if incidents:
            rows = Incident.objects.select_for_update(no_key=True, skip_locked=held is not None)
            locked = set(rows.filter(pk__in=incidents).order_by("pk").values_list("pk", flat=True))
            if held is not None:
                held += [each for each in tried if each[0].incident_id not in {None, *locked}]
                tried = [each for each in tried if each[0].incident_id in {None, *locked}]
        verdicts = {message.pk: verdict(message, outcome, now=now) for message, outcome in tried}
        won = _write(tried, verdicts, now)
        ours = [(message, outcome) for message, outcome in tried if message.pk in won]
        touched = {message.incident_id for message, _ in ours if message.incident_id is not None}
        if touched:
            Incident.objects.filter(pk__in=touched).update(rev=F("rev") + 1)
        breakers.count(
            [
                (message.lane, outcome.result is Result.RETRY and not outcome.lane_ok)
                for message, outcome in ours
                if outcome.result in (Result.SENT, Result.RETRY) and message.bundle in (None, message.pk)
            ],
            now=now,
        )
        bundles.free([(message, verdicts[message.pk].state) for message, _ in ours], now=now)
        for message, _ in ours:
            if verdicts[message.pk].state is State.DEAD:
                _tell(message, verdicts[message.pk].error, now)
    return {message.pk: verdicts[message.pk].state for message, _ in ours}


def _write(
    tried: Sequence[tuple[Message, Outcome]], verdicts: Mapping[int, Verdict], now: datetime
) -> set[int]:
    rows = [(message.pk, message.attempt, verdicts[message.pk]) for message, _ in tried]
    with connection.cursor() as cursor:
        cursor.execute(
            _SETTLE,
            [
                now,
                [pk for pk, _, _ in rows],
                [attempt for _, attempt, _ in rows],
                [result.state.value for _, _, result in rows],
                [result.due_at for _, _, result in rows],
                [result.faults for _, _, result in rows],
                [result.error[:300] for _, _, result in rows],
            ],
        )
        return {pk for (pk,) in cursor.fetchall()}


def release(messages: Sequence[Message], *, due_at: datetime) -> None:
    """Give claimed messages back untried; their age has not begun if this was their first lease."""
    for message in messages:
        Message.objects.filter(pk=message.pk, attempt=message.attempt, state=State.LEASED).update(
            state=State.PENDING,
            lease_until=None,
            due_at=due_at,
            first_attempt_at=None if message.attempt == 1 else message.first_attempt_at,
        )
    bundles.free([(message, State.PENDING) for message in messages], now=due_at)


def resend(message_id: int, *, now: datetime) -> bool:
    """Send a message again by hand, under the same key: given up or kept ones only. False when it is neither."""
    again = Message.objects.filter(pk=message_id, state__in=[State.DEAD, State.KEPT]).update(
        state=State.PENDING, due_at=now, first_attempt_at=None, faults=0, last_error="", lease_until=None
    )
    if again:
        Incident.objects.filter(messages=message_id).update(rev=F("rev") + 1)
        transaction.on_commit(ring, robust=True)
    return bool(again)


def waiting() -> QuerySet[Message]:
    """Messages that have still to leave, with `since`: when each could have. A page whose way another mail has just taken
    waits by design (comms.bundles), and is late only from when that way is free again."""
    way = Way.objects.filter(
        channel=OuterRef("channel"), dest=OuterRef("dest"), free_at__gt=OuterRef("due_at")
    )
    free = Case(When(bundles=True, then=Subquery(way.values("free_at"))))
    return Message.objects.filter(state=State.PENDING).annotate(
        since=Coalesce(free, "due_at", output_field=DateTimeField())
    )


def given_up() -> int:
    """How many messages of all incidents stand given up."""
    return Message.objects.filter(state=State.DEAD).count()


def recall(keys: Sequence[str]) -> int:
    """Take back messages that nobody has tried to send yet, in the caller's transaction; how many. What has been tried
    stays as it is, and one that is on its way goes out."""
    taken, _ = Message.objects.filter(dedupe_key__in=keys, state=State.PENDING, attempt=0).delete()
    return taken


def hasten(incidents: Sequence[int], *, now: datetime) -> int:
    """Let the pages of these incidents that wait for an hour to come go out now; how many did."""
    waiting = Message.objects.filter(
        incident_id__in=incidents, priority=Priority.PAGE, state=State.PENDING, attempt=0, due_at__gt=now
    )
    hastened = waiting.update(due_at=now)
    if hastened:
        transaction.on_commit(ring, robust=True)
    return hastened


def _tell(message: Message, error: str, now: datetime) -> None:
    message.last_error = error
    for hook in dead_hooks:
        try:
            with transaction.atomic():
                hook(message, now)
        except Exception:
            # The message stays given up and shows on the incident by its state; only the extra note is missing.
            logger.exception("Telling people that message %s was given up failed.", message.pk)


_PUT = """
INSERT INTO comms_message (dedupe_key, incident_id, text_id, channel, dest, lane, payload, priority, due_at, bundles,
                           thread_id, announces_id, state, attempt, faults, last_error, created_at)
SELECT n.key, n.incident_id, n.text_id, n.channel, n.dest, n.lane, n.payload::jsonb, n.priority, n.due_at, n.bundles,
       n.thread_id, n.announces_id,
       CASE WHEN i.time = 'driven' OR i.kind = 'drill' THEN 'simulated' WHEN %b::bool THEN 'kept' ELSE 'pending' END, 0, 0, '', %b::timestamptz
FROM unnest(%b::text[], %b::bigint[], %b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[], %b::smallint[],
            %b::timestamptz[], %b::bool[], %b::bigint[], %b::bigint[])
     WITH ORDINALITY AS n(key, incident_id, text_id, channel, dest, lane, payload, priority, due_at, bundles,
                             thread_id, announces_id, place)
LEFT JOIN incidents_incident i ON i.id = n.incident_id
ORDER BY n.place
ON CONFLICT (dedupe_key) DO NOTHING
RETURNING state
"""

# Ranked first and locked after, as a window cannot be locked; the second look at the state sees what changed in between.
# The ids go through an array, so that no stale statistics can make the planner rank again for each row. Four times the
# limit is looked at, since the first may be in another worker's hands.
_CLAIM = """
WITH ranked AS MATERIALIZED (
    SELECT m.id, m.priority, m.due_at,
           row_number() OVER (PARTITION BY m.lane ORDER BY m.priority, m.due_at, m.id) AS place
    FROM comms_message m
    WHERE ((m.state = 'pending' AND m.due_at <= %(now)s) OR (m.state = 'leased' AND m.lease_until <= %(now)s))
      AND NOT m.bundles AND m.lane <> ALL(%(busy)s::text[]) AND m.priority <= %(least)s
      AND (m.priority = 0 OR NOT EXISTS (
          SELECT 1 FROM comms_breaker b WHERE b.lane = m.lane AND b.open_until > %(now)s))
), picked AS (
    SELECT m.id
    FROM comms_message m
    WHERE m.id = ANY(ARRAY(SELECT r.id FROM ranked r WHERE r.place <= %(per_lane)s
                           ORDER BY r.priority, r.due_at, r.id LIMIT 4 * %(limit)s))
      AND ((m.state = 'pending' AND m.due_at <= %(now)s) OR (m.state = 'leased' AND m.lease_until <= %(now)s))
    ORDER BY m.priority, m.due_at, m.id
    LIMIT %(limit)s
    FOR NO KEY UPDATE OF m SKIP LOCKED
)
UPDATE comms_message m
SET state = 'leased', attempt = m.attempt + 1, lease_until = %(until)s,
    first_attempt_at = coalesce(m.first_attempt_at, %(now)s)
FROM picked WHERE m.id = picked.id
RETURNING m.id
"""

_SETTLE = """
UPDATE comms_message m
SET state = x.state, due_at = x.due_at, faults = x.faults, lease_until = NULL, last_error = x.error,
    sent_at = CASE WHEN x.state = 'sent' THEN %s::timestamptz END
FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::timestamptz[], %s::smallint[], %s::text[])
     AS x(id, attempt, state, due_at, faults, error)
WHERE m.id = x.id AND m.attempt = x.attempt AND m.state = 'leased'
RETURNING m.id
"""

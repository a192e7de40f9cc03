"""Deliver what is due: claim, commit, send outside any transaction in lanes that cannot hold each other up, settle each."""

import logging
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from comms import breakers, bundles, outbox, threads, timely
from comms.channels import Outcome, Parcel, Result, email, webhook
from comms.models import Channel, Message, Priority, State
from incidentdesk.kernel import encrypted, leaving
from incidentdesk.kernel.seldom import Seldom
from incidents import deadlines, installation
from incidents.models import Client

BATCH: Final = 100
THREADS: Final = 12
CLAIM_SECONDS: Final = 10.0
# A lane starts no message later than this after its claim, so the last one (8 s) is over well inside the 30 s lease;
# under a shorter lease, no later than in its first third, or another process would send what still waits here.
LANE_SECONDS: Final = 10.0
LANE_SHARE: Final = 1 / 3
# While deadlines are overdue, only pages are taken up: what a clock brings about comes before the mails about it. Not for
# long, since a tick that stands still must not keep the mails in.
HOLD_SECONDS: Final = 3.0
OVERDUE: Final = timedelta(seconds=0.1)
SETTLE_TRIES: Final = 20
# A transaction that stands still is ended by the server after 15 s (settings), inside the lease of what waits for it.
HELD_SECONDS: Final = 16.0

logger = logging.getLogger(__name__)
_seldom: Final = Seldom()

Send = Callable[[Parcel, datetime], Outcome]
Senders = Mapping[Channel, Send]


@dataclass
class Traffic:
    """What the runs of one process share: one of them claims at a time, and none claims a lane another still serves.

    Without it a slow destination would fill every thread of the worker with runs that wait for it.
    """

    gate: threading.Lock = field(default_factory=threading.Lock)
    lanes: set[str] = field(default_factory=set)


here: Final = Traffic()


@dataclass(frozen=True)
class _Tried:
    """What a lane reports: one message and its outcome (None: not tried), or with no message that the lane is done."""

    lane: str
    message: Message | None = None
    outcome: Outcome | None = None


def deliver(
    now_fn: Callable[[], datetime],
    *,
    limit: int = 2_000,
    seconds: float = CLAIM_SECONDS,
    lease: timedelta | None = None,
    senders: Senders | None = None,
    traffic: Traffic | None = None,
) -> Counter[str]:
    """Send what is due, and what falls due while lanes are still busy; counts by outcome. Any number may run at once.

    Each message is settled in this thread as soon as its try is over. It ends when nothing is left, and no later than
    about `seconds` plus 18; in a process that is to end, after the messages that are on their way. Empty at once when
    another run of the same `traffic` is claiming: that one sees the rows too.
    """
    if not installation.may_act(now=now_fn()):
        return Counter()
    traffic = traffic or Traffic()
    if not traffic.gate.acquire(blocking=False):
        return Counter()
    run = _Run(now_fn, senders or shipped(), lease or timedelta(seconds=settings.OUTBOX_LEASE), traffic)
    return run.go(limit, seconds)


def shipped() -> Senders:
    """The channels as deployed, each with its settings read once."""
    server, allowed = mail_server(), frozenset(settings.OUTBOUND_ALLOW)
    return {
        Channel.EMAIL: lambda parcel, now: email.send(parcel, server=server, now=now),
        Channel.WEBHOOK: lambda parcel, now: webhook.send(parcel, now=now, allowed=allowed),
        Channel.LOG: _log,
    }


def mail_server() -> email.Server:
    return email.Server(
        host=settings.EMAIL_HOST,
        port=settings.EMAIL_PORT,
        sender=settings.DEFAULT_FROM_EMAIL,
        domain=settings.MAIL_DOMAIN,
        kept_in=settings.DATA_DIR / "mail",
        user=settings.EMAIL_HOST_USER,
        password=settings.EMAIL_HOST_PASSWORD,
        starttls=settings.EMAIL_USE_TLS,
        tls=settings.EMAIL_USE_SSL,
    )


def parcel(
    mail: Sequence[Message],
    secrets: Mapping[int, str],
    words: Mapping[int, bundles.PageWords],
    *,
    now: datetime | None = None,
) -> Parcel:
    """All that sending `mail` needs: one message, or pages that leave together. The words of an update come from its
    text, so they are stored once; what `words` says of a page takes the place of what it was made with. What a mail says
    of clocks is true at `now`, without it when it was due."""
    message = mail[0]
    payload = dict(message.payload)
    client = payload.pop("client", None)
    if "link" in payload:
        payload = bundles.payload(mail, words)
    if message.text is not None and message.channel == Channel.WEBHOOK:
        payload["data"] = {**payload["data"], "subject": message.text.subject, "text": message.text.body}
    elif message.text is not None:
        payload |= {"subject": message.text.subject, "body": message.text.body}
    if "clocks" in payload:
        payload["body"] = timely.body(payload, now=now or message.due_at)
        del payload["clocks"]
    if message.thread is not None and "thread" in payload:
        payload = threads.headed(payload, message.thread, message.announces)
    secret = secrets.get(client, "") or settings.WEBHOOK_SECRET if message.channel == Channel.WEBHOOK else ""
    attempt = max(each.attempt for each in mail)
    return Parcel(bundles.uid(mail), message.dest, payload, attempt, encrypted.readable(secret))


class _Run:
    def __init__(
        self, now_fn: Callable[[], datetime], senders: Senders, lease: timedelta, traffic: Traffic
    ) -> None:
        self.now, self.senders, self.lease, self.traffic = now_fn, senders, lease, traffic
        self.tried: queue.SimpleQueue[_Tried] = queue.SimpleQueue()
        self.busy: set[str] = set()
        self.held: list[tuple[Message, Outcome]] = []
        self.counts: Counter[str] = Counter()

    def go(self, limit: int, seconds: float) -> Counter[str]:
        # Pages have threads of their own: a dozen destinations that hang must not keep one person asleep.
        with (
            ThreadPoolExecutor(THREADS, thread_name_prefix="lane") as pool,
            ThreadPoolExecutor(outbox.MAIL_LANES, thread_name_prefix="page") as pages,
        ):
            self.pool, self.pages = pool, pages
            try:
                failure = self._claim_and_settle(limit, time.monotonic() + seconds)
                until = time.monotonic() + HELD_SECONDS
                while self.busy or (self.held and time.monotonic() < until):
                    self._settle_some()
            finally:
                self.traffic.lanes -= self.busy
        if failure is not None:
            raise failure
        return +self.counts  # without the zeros

    def _claim_and_settle(self, limit: int, ends: float) -> Exception | None:
        """Until nothing is left or time is up. A database that went away ends the claiming, not the settling of what is out."""
        held = time.monotonic() + HOLD_SECONDS
        try:
            while time.monotonic() < ends and not leaving.asked():
                room, now = limit - self.counts["claimed"], self.now()
                holds = time.monotonic() < held and _ticks_late(now)
                started = self._start(min(BATCH, room), now, pages_only=holds) if room > 0 else 0
                if self.busy or self.held:
                    self._settle_some()
                elif holds:
                    time.sleep(0.05)
                elif not started:
                    break
        except (OperationalError, InterfaceError) as error:
            return error
        finally:
            self.traffic.gate.release()
        return None

    def _start(self, limit: int, now: datetime, *, pages_only: bool) -> int:
        """Claim for the lanes that are free and set them going; how many messages that were."""
        full = sum(not lane.startswith("page.") for lane in self.busy) >= THREADS
        claimed = outbox.claim(
            limit=limit,
            now=now,
            lease=self.lease,
            busy=sorted(self.traffic.lanes),
            pages_only=full or pages_only,
        )
        if not claimed:
            return 0
        self.counts["claimed"] += len(claimed)
        lanes: dict[str, list[list[Message]]] = {}
        for mail in bundles.gather(claimed):
            lanes.setdefault(mail[0].lane, []).append(mail)
        secrets, words = _secrets(claimed), bundles.written(claimed, now=now)
        # The page of a person is worth a failed try; anything else behind a tripped breaker sends one message ahead.
        tripped = breakers.tripped(
            [lane for lane, mails in lanes.items() if mails[0][0].priority != Priority.PAGE]
        )
        for lane, mails in lanes.items():
            going = mails if lane not in tripped else mails[:1] if breakers.probe(lane, now=now) else []
            self._give_back(
                [row for mail in mails[len(going) :] for row in mail], lambda: now + breakers.REST / 10
            )
            if going:
                self.busy.add(lane)
                self.traffic.lanes.add(lane)
                until = time.monotonic() + min(LANE_SECONDS, self.lease.total_seconds() * LANE_SHARE)
                pool = self.pages if mails[0][0].priority == Priority.PAGE else self.pool
                packed = [(mail, _packed(mail, secrets, words, now)) for mail in going]
                pool.submit(self._lane, lane, packed, now, until)
        return len(claimed)

    def _lane(
        self, lane: str, mails: Sequence[tuple[list[Message], Parcel | Outcome]], now: datetime, until: float
    ) -> None:
        """In a thread: one after the other, no database. Reports every message, tried or not, and then its end."""
        begun = time.monotonic()
        for mail, packed in mails:
            if time.monotonic() >= until or leaving.asked():
                outcome = None
            elif isinstance(packed, Outcome):
                outcome = packed
            else:
                outcome = _try(
                    self.senders, mail[0], packed, now + timedelta(seconds=time.monotonic() - begun)
                )
            for message in mail:
                self.tried.put(_Tried(lane, message, outcome))
        self.tried.put(_Tried(lane))

    def _settle_some(self) -> None:
        """Settle what has been tried; back after the first lane to end, or a quarter second, to look for new rows."""
        ends = time.monotonic() + 0.25
        self._settle([])
        if self.held and not self.busy:
            time.sleep(random.uniform(0.05, 0.15))  # noqa: S311  (spreads tries, guards nothing)
        while self.busy:
            try:
                reports = [self.tried.get(timeout=max(0.01, ends - time.monotonic()))]
            except queue.Empty:
                return
            # Whatever else has come in goes into the same transaction: one commit costs as much as fifty rows.
            while len(reports) < BATCH and not self.tried.empty():
                reports.append(self.tried.get())
            self._settle([(row.message, row.outcome) for row in reports if row.message and row.outcome])
            self._give_back([row.message for row in reports if row.message and not row.outcome], self.now)
            over = {row.lane for row in reports if not row.message}
            self.busy -= over
            self.traffic.lanes -= over
            if over:
                return

    def _settle(self, tried: list[tuple[Message, Outcome]]) -> None:
        """Settle these and those held up before. Who holds an incident may stand still, and other lanes must go on."""
        tried = self.held + tried
        if tried:
            _complain(tried)
            held, states = _settle_surely(tried, self.now)
            self.counts.update(state.value for state in states.values())
            self.counts["lost lease"] += len(tried) - len(states) - len(held)
            self.held = held

    def _give_back(self, messages: Sequence[Message], due_at: Callable[[], datetime]) -> None:
        if messages:
            outbox.release(messages, due_at=due_at())
            self.counts["given back"] += len(messages)


def _complain(tried: Sequence[tuple[Message, Outcome]]) -> None:
    """One warning a minute for each destination that does not take what it is sent; recipients are not named."""
    for message, outcome in tried:
        if outcome.result is Result.RETRY and _seldom.may(place := _destination(message)):
            logger.warning("%s does not take messages, they are tried again. %s", place, outcome.detail)


def _destination(message: Message) -> str:
    if message.channel == Channel.WEBHOOK:
        return message.lane.replace("webhook:", "The webhook receiver ", 1)
    return f"The mail server {settings.EMAIL_HOST}"


def _ticks_late(now: datetime) -> bool:
    due = deadlines.next_due()
    return due is not None and due < now - OVERDUE


def _secrets(messages: Sequence[Message]) -> Mapping[int, str]:
    clients = {message.payload.get("client") for message in messages if message.channel == Channel.WEBHOOK}
    return (
        dict(Client.objects.filter(pk__in=clients - {None}).values_list("pk", "webhook_secret"))
        if clients
        else {}
    )


def _packed(
    mail: Sequence[Message], secrets: Mapping[int, str], words: Mapping[int, bundles.PageWords], now: datetime
) -> Parcel | Outcome:
    try:
        return parcel(mail, secrets, words, now=now)
    except Exception as error:
        return _fault(mail[0], error)


def _try(senders: Senders, message: Message, packed: Parcel, now: datetime) -> Outcome:
    try:
        return senders[Channel(message.channel)](packed, now)
    except Exception as error:
        return _fault(message, error)


def _fault(message: Message, error: Exception) -> Outcome:
    # One poisoned row must not stop its neighbours (F32); it has three tries in case a deploy mends it.
    logger.error("Message %s could not be made up for sending.", message.pk, exc_info=error)
    return Outcome(Result.FAULT, f"The desk could not make up this message ({type(error).__name__}).")


def _settle_surely(
    tried: Sequence[tuple[Message, Outcome]], now_fn: Callable[[], datetime]
) -> tuple[list[tuple[Message, Outcome]], Mapping[int, State]]:
    """Settle, through a short absence of the database: an outcome that is lost here would be a second mail later.

    First what is to be tried again, since another transaction holds its incident; then the states of the others. When the answer to a commit was lost, the second try finds the rows settled and changes nothing (F10).
    """
    for attempt in range(SETTLE_TRIES):
        held: list[tuple[Message, Outcome]] = []
        try:
            return held, outbox.settle_many(tried, now=now_fn(), held=held)
        except (OperationalError, InterfaceError):
            if attempt == SETTLE_TRIES - 1 or connection.in_atomic_block:
                raise
            logger.warning("Settling %d messages is tried again.", len(tried))
            connection.close()
            time.sleep(0.5)
    return [], {}


def _log(packed: Parcel, now: datetime) -> Outcome:
    logger.info("Message %s to %s: %s", packed.uid, packed.dest, packed.payload.get("subject", ""))
    return Outcome(Result.SENT, "Written to the log.")

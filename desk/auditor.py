"""Does the desk still do its work? One keeper looks every AUDIT_SECONDS, tells a monitor outside, and tells people (N7).

A desk that has failed cannot say so itself. So it says the opposite as long as all is well: the monitor behind DEADMAN_URL
alerts when these pings stop, whatever stopped them.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Min

from comms import outbox
from comms.channels.ping import ping
from comms.models import Breaker
from desk import administrators, heartbeats
from desk.models import Heartbeat
from incidentdesk.kernel.stamps import stamp
from incidents import installation
from incidents.models import Deadline
from oncall.models import Alert

TURN: Final = "audit turn"
FOUND: Final = "audit"
PASSED: Final = "audit passed"
PINGED: Final = "monitor pinged"
MISSED: Final = 3  # so many looks in a row may fail before people hear of it
NEEDED: Final = {heartbeats.BEAT: "beat", heartbeats.KEEPER: "the keeper", heartbeats.WORKER: "a worker"}

SUBJECT: Final = "This Incident Desk does not work as it should"
BODY: Final = """The last check without a fault was at {since:%Y-%m-%d %H:%M:%S} UTC. What is wrong now:

{faults}

Look at the processes and their logs. You hear of this once until a check passes again. The pulse (/ops/pulse) shows the
state of now.
"""
logger = logging.getLogger(__name__)


def is_due(*, now: datetime) -> bool:
    """Whether it is this process's turn to look; of any number of keepers one gets it. `now` is aware UTC."""
    return heartbeats.claim(TURN, every=every(), now=now)


def look(*, now: datetime, since: datetime) -> list[str]:
    """Check once: ping outside when all is well, tell administrators when it has not been for three looks.

    `since` is when this keeper started: what was wrong while nothing ran is no fault of now. Returns the faults.
    """
    installation.see(now=now)
    found = faults(now=now)
    heartbeats.beat(FOUND, now=now, note=" ".join(found))
    if not found:
        heartbeats.beat(PASSED, now=now)
        _ping(now)
        return found
    logger.warning("The check of this desk failed: %s", " ".join(found))
    passed = heartbeats.last(PASSED)
    well = max(passed or since, since)
    if now - well >= MISSED * every():
        listed = "\n".join(f"- {fault}" for fault in found)
        body = BODY.format(since=passed or since, faults=listed)
        administrators.tell(f"audit:{stamp(well)}", subject=SUBJECT, body=body, thread="desk.audit", now=now)
    return found


def faults(*, now: datetime) -> list[str]:
    """What is wrong at `now`, a sentence each; empty when timers fire, messages leave, alerts are admitted and all live."""
    if why := installation.held():
        return [f"Nothing is sent and no deadline fires until `manage.py resume`. {why}"]
    return [*_late(now), *_stuck(), *_silent(now)]


def has_failed(*, now: datetime) -> bool:
    """Whether the last look found a fault, or looks have stopped. One query; False where nobody has looked yet."""
    found = Heartbeat.objects.filter(name=FOUND).first()
    return found is not None and (bool(found.note) or now - found.at > MISSED * every())


def every() -> timedelta:
    """How often it looks, and the age from which something is late."""
    return timedelta(seconds=settings.AUDIT_SECONDS)


def _late(now: datetime) -> Iterable[str]:
    armed = Deadline.objects.filter(state=Deadline.State.ARMED, driven=False)
    resting = Breaker.objects.filter(open_until__gt=now).values("lane")
    waiting = outbox.waiting().exclude(lane__in=resting)
    due = {
        "A deadline": armed.aggregate(at=Min("due_at"))["at"],
        "A message": waiting.aggregate(at=Min("since"))["at"],
    }
    for what, at in due.items():
        if at is not None and now - at > every():
            yield f"{what} has waited for {(now - at).total_seconds():.0f} s."


def _stuck() -> Iterable[str]:
    failing = Deadline.objects.filter(state=Deadline.State.ARMED, driven=False).exclude(last_error="")
    if count := failing.count():
        yield f"{count} deadline{'s' * (count > 1)} could not be carried out. The worker's log says why."
    if count := Alert.objects.filter(pending=True, retry_at__isnull=False).count():
        yield f"{count} alert{'s' * (count > 1)} could not be admitted. The worker's log says why."
    if lanes := Breaker.objects.filter(open_until__isnull=False, lane__regex=r"^(page|email)\.").count():
        yield f"The mail server does not take mail ({lanes} of its lanes rest)."


def _silent(now: datetime) -> Iterable[str]:
    for name, words in NEEDED.items():
        at = heartbeats.latest(name)
        if at is None:
            yield f"There has been no sign of {words}."
        elif now - at > every():
            yield f"There has been no sign of {words} for {(now - at).total_seconds():.0f} s."


def _ping(now: datetime) -> None:
    if not settings.DEADMAN_URL:
        return
    if problem := ping(settings.DEADMAN_URL, allowed=settings.OUTBOUND_ALLOW):
        logger.warning("The monitor outside could not be pinged. %s", problem)
    else:
        heartbeats.beat(PINGED, now=now)

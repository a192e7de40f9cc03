"""When beat falls silent, administrators hear of it: the keeper ticks in its place, but somebody must look (F3)."""

from datetime import datetime, timedelta

from desk import administrators, heartbeats
from incidentdesk.kernel.stamps import stamp

SUBJECT = "The desk's beat is silent; the keeper ticks"
BODY = """No ring of beat has come through since {since:%Y-%m-%d %H:%M:%S} UTC.

The keeper ticks and delivers in its place: timers fire and messages go out, some seconds later than usual.
Look whether beat, worker and Redis run, and at their logs. You hear of this once; the age of the last tick stands on
every page.
"""


def tell(*, now: datetime, since: datetime, after: timedelta) -> int:
    """Mail the administrators when no ring has come through for `after`; how many mails that were, once a silence.

    `now` and `since` are aware UTC. A silence counts from `since` at the earliest, the moment the asker had to step in: a
    desk that was off all night has not lost its beat.
    """
    rung = heartbeats.last(heartbeats.BEAT) or since
    if now - max(rung, since) < after:
        return 0
    return administrators.tell(
        f"beat.silent:{stamp(rung)}",
        subject=SUBJECT,
        body=BODY.format(since=rung),
        thread="desk.beat",
        now=now,
    )

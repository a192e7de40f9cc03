"""A restored copy goes on: what is old is done on the record without a word to anybody, the rest as usual."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from comms import outbox
from desk import admission, tick
from incidents import installation
from oncall.models import Alert
from people import audit


@dataclass(frozen=True)
class Resumed:
    """How many messages were kept unsent, and how many deadlines were carried out without sending any."""

    kept: int
    fired: int


def resume(*, now: datetime, younger_than: timedelta) -> Resumed:
    """Let the desk act again. What has waited for `younger_than` or longer by `now` (aware UTC) sends nothing; zero sends
    nothing of what has waited at all. Safe to repeat: it is released last, so a run that was cut off is done again.
    """
    cut = now - younger_than
    kept = outbox.keep_older(cut)
    with outbox.quiet():
        admission.admit_groups(_waiting(upto=cut), now=now)
        fired = tick.catch_up(now=now, upto=cut)
    audit.record(
        audit.Event.COMMAND,
        by=None,
        about="resume",
        details={"minutes": int(younger_than.total_seconds() // 60), "kept": kept, "fired": fired},
        now=now,
    )
    installation.release(now=now)
    return Resumed(kept, fired)


def _waiting(*, upto: datetime) -> list[tuple[str, str]]:
    """The groups of which something waits to be admitted that was received at `upto` or earlier."""
    found = Alert.objects.filter(pending=True, received_at__lte=upto).order_by("source", "group_key")
    return list(found.values_list("source", "group_key").distinct())

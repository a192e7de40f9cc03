"""What administrators must see on the Desk: one line each, from one table of sources.

A source whose count is 0 shows nothing. Readiness and the pulse may ask `counts` for the same figures by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings

from comms import outbox
from desk import auditor, dead_letters, ending_tokens, severity_words, waking
from desk.room.shapes import DeskAttention, Link
from desk.room.words import counted
from oncall import quarantine
from people.models import User


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of trouble: how many there are at an instant, the sentence that says so, and where to look.

    `count` takes aware UTC and asks the database once at most.
    """

    name: str
    count: Callable[[datetime], int]
    text: Callable[[int], str]
    link: Link


def _quarantined(count: int) -> str:
    return f"{counted(count, 'alert delivery', 'alert deliveries')} could not be read in the last 7 days."


def _words(count: int) -> str:
    return f"{counted(count, 'severity word')} of alerts {'is' if count == 1 else 'are'} not mapped: counted as critical."


def _given_up(count: int) -> str:
    return f"{counted(count, 'message', 'messages')} could not be delivered."


def _tokens_ending(count: int) -> str:
    if count == 1:
        return "The API token of a program ends within 14 days."
    return f"{count} API tokens of programs end within 14 days."


def _unlisted(count: int) -> str:
    return f"{counted(count, 'team has', 'teams have')} nobody to page."


def _unreachable(count: int) -> str:
    return f"{counted(count, 'person', 'people')} on escalation lists cannot be reached."


SOURCES: Final = (
    Source(
        "teams",
        lambda now: len(waking.teams_without_a_list()),
        _unlisted,
        Link("/administration/people/team/", "Show teams"),
    ),
    Source(
        "people",
        lambda now: len(waking.people_without_a_way()),
        _unreachable,
        Link("/administration/people/user/", "Show people"),
    ),
    Source(
        "mail",
        lambda now: int(not settings.EMAIL_HOST and not settings.DEMO),
        lambda _: "No mail leaves: SMTP_URL is not set.",
        Link("/ops/pulse", "Show pulse"),
    ),
    Source(
        "mail-server",
        lambda now: waking.mail_failing(now=now),
        lambda _: "The mail server refuses mail or does not answer.",
        Link("/ops/pulse", "Show pulse"),
    ),
    Source(
        "severity-words",
        severity_words.unmapped,
        _words,
        Link("/administration/oncall/severityword/", "Show words"),
    ),
    Source(
        "check",
        lambda now: int(auditor.has_failed(now=now)),
        lambda _: "The last check of this desk found a fault.",
        Link("/ops/pulse", "Show pulse"),
    ),
    Source(
        "monitor",
        lambda now: int(not settings.DEADMAN_URL and not settings.DEMO),
        lambda _: "No monitor outside would notice that this desk is down. Set DEADMAN_URL.",
        Link("/ops/pulse", "Show pulse"),
    ),
    Source("messages", lambda now: outbox.given_up(), _given_up, Link(dead_letters.LISTED, "Show messages")),
    Source(
        "quarantine",
        lambda now: quarantine.total(now=now),
        _quarantined,
        Link("/administration/oncall/quarantine/", "Show quarantine"),
    ),
    Source(
        "tokens_ending",
        ending_tokens.count,
        _tokens_ending,
        Link("/administration/people/apitoken/", "Show tokens"),
    ),
)


def lines(viewer: User, *, now: datetime) -> tuple[DeskAttention, ...]:
    """The lines of the Desk for this person: none but for an administrator."""
    if not viewer.is_admin:
        return ()
    found = ((source, source.count(now)) for source in SOURCES)
    return tuple(
        DeskAttention(each.name, each.text(count), each.link, count) for each, count in found if count
    )


def counts(*, now: datetime) -> Mapping[str, int]:
    """How many there are of each kind, by the source's name, 0 included."""
    return {source.name: source.count(now) for source in SOURCES}

"""Pages to one person travel together: at most one mail in PAGE_SECONDS per way, and the first at once (N9).

A way is a channel and its address. Whoever claims a way claims all pages that wait for it, and they leave as one mail.
Every page stays a message of its own: with its key, its link, its state and its incident.
"""

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection

from comms.models import WIRE_NAMES, Message, State
from incidentdesk.kernel import links, sql

PER_MAIL: Final = 200
ALL_AT_ONCE: Final = (
    "Each incident has its own link. The page behind it can also acknowledge all of them at once."
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PageWords:
    """What the mail of one page says, made when it leaves: whose incident, and how it stands."""

    key: str
    title: str
    said: str
    room: str


# The desk knows what a page is about; it puts here what says it. By message, at an instant (aware UTC).
writers: list[Callable[[Sequence[Message], datetime], Mapping[int, PageWords]]] = []


def claim(*, now: datetime, until: datetime, busy: Sequence[str], limit: int) -> list[int]:
    """Lease the pages of up to `limit` ways that are free, and those whose lease ran out; their ids.

    A way stays taken until its mail is settled. Waits for nobody: ways and pages in other hands are left alone.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {"now": now, "until": until, "busy": list(busy), "limit": limit, "per_mail": PER_MAIL,
             "free": now + _every()},
        )  # fmt: skip
        return [pk for (pk,) in cursor.fetchall()]


def gather(messages: Sequence[Message]) -> list[list[Message]]:
    """The mails that claimed messages leave in, in their order: a page with those that it travels with, all else alone."""
    mails: dict[tuple[str, int], list[Message]] = {}
    for message in messages:
        together = ("bundle", message.bundle) if message.bundle is not None else ("alone", message.pk)
        mails.setdefault(together, []).append(message)
    return list(mails.values())


def free(tried: Sequence[tuple[Message, State]], *, now: datetime) -> None:
    """Say when the ways of these pages are free again: at once after a try that failed, else in PAGE_SECONDS."""
    done = (State.SENT, State.KEPT)
    ways = {
        (message.channel, message.dest): now + (_every() if state in done else timedelta())
        for message, state in tried
        if message.bundle is not None
    }
    if ways:
        sql.run(_FREE, sql.columns(sorted((*way, at) for way, at in ways.items())))


def written(messages: Sequence[Message], *, now: datetime) -> Mapping[int, PageWords]:
    """What the mails of these pages say now. Where that cannot be found out, the words they were made with must do."""
    pages = [message for message in messages if message.dedupe_key.startswith("page:")]
    found: dict[int, PageWords] = {}
    for writer in writers if pages else ():
        try:
            found |= writer(pages, now)
        except Exception:
            logger.exception("How the incidents of %d pages stand could not be read.", len(pages))
    return found


def payload(mail: Sequence[Message], words: Mapping[int, PageWords]) -> dict[str, Any]:
    """Subject and body of one mail. Of one incident the page made last speaks; several are named one after the other."""
    last = {message.incident_id: message for message in sorted(mail, key=lambda message: message.pk)}
    pages = list(last.values())
    if len(pages) == 1:
        told = {name: value for name, value in pages[0].payload.items() if name not in ("link", "asks")}
        said = words.get(pages[0].pk)
        head = f"You are paged for {said.key}: {said.title}" if said else ""
        return told | {"body": _section(pages[0], said, head)}
    keys = [words[page.pk].key if page.pk in words else page.payload["subject"].split()[0] for page in pages]
    sections = [
        _section(page, said, f"{place}. {said.key}: {said.title}" if said else f"{place}.")
        for place, page in enumerate(pages, start=1)
        for said in [words.get(page.pk)]
    ]
    head = f"You are paged for {len(pages)} incidents. {ALL_AT_ONCE}"
    subject = f"{len(pages)} pages: {', '.join(keys)}"
    return {
        "subject": subject if len(subject) <= 200 else f"{subject[:199]}…",
        "body": "\n\n\n".join([head, *sections]),
    }


def uid(mail: Sequence[Message]) -> str:
    """The Message-ID's local part: the same for the same pages at every try, another once a further page is in it."""
    if len(mail) == 1:
        return mail[0].uid
    return f"msg_{uuid.uuid5(WIRE_NAMES, '|'.join(sorted(message.dedupe_key for message in mail))).hex}"


def _section(page: Message, said: PageWords | None, head: str) -> str:
    if said is None:
        parts = [head, page.payload["body"]]
    else:
        parts = [head, page.payload.get("asks", ""), said.said, f"The room: {said.room}\n"]
    body = "\n\n".join(part for part in parts if part)
    link = page.payload.get("link")
    return links.written_out(body, link) if link else body


def _every() -> timedelta:
    return timedelta(seconds=settings.PAGE_SECONDS)


# A way is locked only by whoever moves it, and skipped by everybody else; a new one is inserted by one of them alone.
_CLAIM = """
WITH due AS MATERIALIZED (
  SELECT m.id, m.channel, m.dest, m.state, m.due_at FROM comms_message m
  WHERE m.bundles AND m.lane <> ALL(%(busy)s::text[])
    AND ((m.state = 'pending' AND m.due_at <= %(now)s) OR (m.state = 'leased' AND m.lease_until <= %(now)s))
), wanted AS (
  SELECT channel, dest FROM due d GROUP BY channel, dest
  HAVING bool_and(state = 'pending') AND NOT EXISTS (
    SELECT FROM comms_way w WHERE w.channel = d.channel AND w.dest = d.dest AND w.free_at > %(now)s)
  ORDER BY min(due_at) LIMIT %(limit)s
), standing AS (
  SELECT w.id FROM comms_way w JOIN wanted USING (channel, dest) WHERE w.free_at <= %(now)s
  FOR NO KEY UPDATE OF w SKIP LOCKED
), taken AS (
  UPDATE comms_way w SET free_at = %(free)s FROM standing s WHERE w.id = s.id RETURNING w.channel, w.dest
), made AS (
  INSERT INTO comms_way (channel, dest, free_at)
  SELECT channel, dest, %(free)s FROM wanted WHERE NOT EXISTS (
    SELECT FROM comms_way w WHERE w.channel = wanted.channel AND w.dest = wanted.dest) ORDER BY channel, dest
  ON CONFLICT (channel, dest) DO NOTHING RETURNING channel, dest
), ways AS (SELECT * FROM taken UNION ALL SELECT * FROM made), ranked AS (
  SELECT m.id, row_number() OVER (PARTITION BY m.channel, m.dest ORDER BY m.due_at, m.id) AS place
  FROM comms_message m JOIN ways USING (channel, dest)
  WHERE m.bundles AND m.state = 'pending' AND (m.due_at <= %(now)s OR m.attempt > 0)
), picked AS (
  SELECT m.id, m.channel, m.dest, m.state FROM comms_message m
  WHERE (m.id = ANY(ARRAY(SELECT id FROM ranked WHERE place <= %(per_mail)s)) AND m.state = 'pending')
     OR (m.id = ANY(ARRAY(SELECT id FROM due WHERE state = 'leased')) AND m.state = 'leased' AND m.lease_until <= %(now)s)
  FOR NO KEY UPDATE OF m SKIP LOCKED
), first AS (
  SELECT channel, dest, min(id) AS id FROM picked WHERE state = 'pending' GROUP BY channel, dest
)
UPDATE comms_message m
SET state = 'leased', attempt = m.attempt + 1, lease_until = %(until)s, bundle = coalesce(f.id, m.bundle),
    first_attempt_at = coalesce(m.first_attempt_at, %(now)s)
FROM picked p LEFT JOIN first f ON f.channel = p.channel AND f.dest = p.dest AND p.state = 'pending'
WHERE m.id = p.id
RETURNING m.id
"""
_FREE = """
UPDATE comms_way w SET free_at = x.at FROM unnest(%b::text[], %b::text[], %b::timestamptz[]) AS x(channel, dest, at)
WHERE w.channel = x.channel AND w.dest = x.dest
"""

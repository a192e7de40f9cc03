"""Pages: their rows, the links that acknowledge them and the mails that carry both.

A flow or the tick writes `page.sent` on the record, calls `plan` for it, then `store` for all its plans; what `store`
leaves in `messages` goes out with the outbox rows of the same transaction. `settle` follows acknowledgements.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings

from comms import outbox
from comms.models import Audience, Channel, Message, Priority
from comms.outbox import NewMessage
from incidentdesk.kernel import links, sql
from incidentdesk.kernel.stamps import Stamp, moment, stamp
from incidents.models import Incident
from incidents.protocol import State, paging
from incidents.record import Record
from oncall.models import LINK_LIFE, AckLink
from people.models import User

ACK_PATH = "/ack/"


@dataclass
class Planned:
    """One call to one or several people. `messages` is filled by `store`, which looks up everybody's address at once."""

    incident: int
    uid: str
    key: str
    title: str
    pages: tuple[tuple[int, int], ...]
    call: str
    level: int
    at: datetime
    sender: int | None = None
    text: str = ""
    nonces: tuple[tuple[str, str], ...] = ()
    messages: list[NewMessage] = field(default_factory=list)


def numbered(state: State, users: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """The next page numbers of an incident for these people, in their order."""
    first = 1 + max((int(number) for number in state["pages"]), default=0)
    return tuple((first + place, user) for place, user in enumerate(dict.fromkeys(users)))


def goes_out(state: State, *, now: datetime) -> datetime:
    """When a page made now is sent: at once, on SEV-3 at night at opening time."""
    return moment(paging.goes_out(state, stamp(now)))


def plan(
    incident: int, uid: str, key: str, title: str, pages: Iterable[tuple[int, int]], call: str, level: int,
    *, now: datetime, at: datetime | None = None, sender: int | None = None, text: str = "",
) -> Planned:  # fmt: skip
    """What paging these (page number, user) comes to; touches no database. `at`: when it goes out, else `now`."""
    wanted = tuple((int(number), user) for number, user in pages)
    nonces = tuple(links.new() for _ in wanted)
    return Planned(incident, uid, key, title, wanted, call, level, at or now, sender, text, nonces)


def store(planned: Sequence[Planned], *, now: datetime) -> list[NewMessage]:
    """Rows and links of any number of plans in two statements; fills and returns their messages, for the outbox.

    People without an address, or no longer active, have a page but no mail: the chain goes on past them.
    """
    rows = [
        (each.incident, number, user, each.level, each.call, each.sender, each.at)
        for each in planned
        for number, user in each.pages
    ]
    if not rows:
        return []
    marks = [
        (each.incident, number, user, mark[1], each.at, each.at + LINK_LIFE)
        for each in planned
        for (number, user), mark in zip(each.pages, each.nonces, strict=True)
    ]
    sql.run(_PAGES, sql.columns(rows))
    sql.run(_LINKS, sql.columns(marks))
    reachable = User.objects.filter(pk__in={row[2] for row in rows}, is_active=True, is_machine=False)
    addresses = dict(reachable.exclude(email="").values_list("pk", "email"))
    for each in planned:
        each.messages = [
            _message(each, number, addresses[user], mark, now)
            for (number, user), mark in zip(each.pages, each.nonces, strict=True)
            if user in addresses
        ]
    return [message for each in planned for message in each.messages]


def settle(records: Iterable[Record]) -> None:
    """Bring pages up to what the records say: who acknowledged which, when. Their links open nothing any more.

    A page that waits for working hours is not sent once it is answered, and at once when the severity rises.
    """
    records = list(records)
    hastened = [(record.id, number, moment(at)) for record in records for number, at in _hastened(record)]
    if hastened:
        sql.run(_HASTEN, sql.columns(hastened))
        outbox.hasten(list(dict.fromkeys(each[0] for each in hastened)), now=hastened[0][2])
    done = [
        (record.id, written.entry.payload["page"], moment(written.entry.happened), written.entry.by)
        for record in records
        for written in record.added
        if written.entry.kind == "page.acknowledged" and written.entry.by is not None
    ]
    if done:
        sql.run(_SETTLE, sql.columns(done))
        uids = {record.id: record.uid for record in records}
        outbox.recall([_key(uids[incident], number) for incident, number, _, _ in done])


def _hastened(record: Record) -> Iterable[tuple[int, Stamp]]:
    """The pages that waited for working hours when the record was loaded, and do not any more."""
    after = record.state["pages"]
    if after is not record.before["pages"]:
        for number, page in record.before["pages"].items():
            if after[number]["at"] < page["at"]:
                yield int(number), after[number]["at"]


def link_by(**which: Any) -> AckLink | None:
    """The link with this digest or id, with its person and incident, whatever became of it; None for an unknown one and
    for one of a person who was put out."""
    found = AckLink.objects.select_related("user", "incident").filter(user__is_active=True, **which)
    return found.first()


def is_live(link: AckLink, *, now: datetime) -> bool:
    """Whether a link acknowledges something now: not used, not answered otherwise, not run out."""
    return link.used_at is None and link.revoked_at is None and link.expires_at > now


def companions(link: AckLink, *, now: datetime) -> list[AckLink]:
    """The live links of the other pages that left in the same mail as this link's, the incident opened first ahead."""
    own = Message.objects.filter(dedupe_key=_key(str(link.incident.uid), link.page))
    together = Message.objects.filter(bundle__in=own.values("bundle"), dest__in=own.values("dest"))
    keys = set(together.values_list("dedupe_key", flat=True))
    live = AckLink.objects.filter(user=link.user_id, used_at=None, revoked_at=None, expires_at__gt=now)
    others = (
        live.filter(incident__in=together.values("incident"))
        .exclude(pk=link.pk)
        .exclude(incident=link.incident_id)
    )
    found = others.select_related("user", "incident").order_by("incident_id", "-page")
    last = {
        each.incident_id: each for each in reversed(found) if _key(str(each.incident.uid), each.page) in keys
    }
    return sorted(last.values(), key=lambda each: each.incident_id)


def use(link: AckLink, *, now: datetime) -> bool:
    """Use a link up, in the caller's transaction; False when somebody was faster. Locks its incident first, as acts do."""
    Incident.objects.select_for_update(no_key=True).only("pk").get(pk=link.incident_id)
    unused = AckLink.objects.filter(pk=link.pk, used_at=None, revoked_at=None)
    return bool(unused.update(used_at=now))


def _key(uid: str, number: int) -> str:
    return f"page:{uid}:{number}"


def _message(each: Planned, number: int, dest: str, mark: tuple[str, str], now: datetime) -> NewMessage:
    words = f"{each.text}\n\n" if each.text else ""
    later = "" if each.at <= now else f"It came at {now:%H:%M} UTC and waited for working hours.\n"
    body = f"{words}You are paged for {each.key}: {each.title}\n{later}\nThe room: {settings.BASE_URL}/incidents/{each.key}/\n"
    return NewMessage(
        key=_key(each.uid, number),
        channel=Channel.EMAIL,
        dest=dest,
        payload={
            "subject": f"{each.key} Page: {each.title}",
            "body": body,
            "asks": each.text if each.sender is not None else "",
            "thread": f"{each.uid}.responders",
            "link": {
                "says": "Acknowledge with one tap, without signing in:",
                "path": ACK_PATH,
                "nonce": mark[0],
                "digest": mark[1],
            },
        },
        incident_id=each.incident,
        audience=Audience.RESPONDERS,
        priority=Priority.PAGE,
        bundles=True,
        due_at=each.at if each.at > now else None,
    )


_PAGES = """
INSERT INTO oncall_page (incident_id, number, user_id, level, call, sender_id, sent_at)
SELECT * FROM unnest(%b::bigint[], %b::int[], %b::bigint[], %b::int[], %b::text[], %b::bigint[], %b::timestamptz[])
ON CONFLICT (incident_id, number) DO NOTHING
"""
_LINKS = """
INSERT INTO oncall_acklink (incident_id, page, user_id, digest, created_at, expires_at)
SELECT * FROM unnest(%b::bigint[], %b::int[], %b::bigint[], %b::text[], %b::timestamptz[], %b::timestamptz[])
"""
_HASTEN = """
UPDATE oncall_page p SET sent_at = x.at FROM unnest(%b::bigint[], %b::int[], %b::timestamptz[]) AS x(incident, number, at)
WHERE p.incident_id = x.incident AND p.number = x.number
"""
_SETTLE = """
WITH done AS (
  SELECT * FROM unnest(%b::bigint[], %b::int[], %b::timestamptz[], %b::bigint[]) AS x(incident, number, at, who)
), closed AS (
  UPDATE oncall_acklink l SET revoked_at = d.at FROM done d
  WHERE l.incident_id = d.incident AND l.page = d.number AND l.used_at IS NULL AND l.revoked_at IS NULL)
UPDATE oncall_page p SET acknowledged_at = d.at, acknowledged_by_id = d.who FROM done d
WHERE p.incident_id = d.incident AND p.number = d.number AND p.acknowledged_at IS NULL
"""

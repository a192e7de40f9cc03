"""Short mails to colleagues about an incident: pages, reminders, calls. Texts to audiences are `comms.updates`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol as Shape

from django.conf import settings

from comms.models import Audience, Channel, Priority
from comms.outbox import NewMessage
from comms.timely import DueClock
from incidents.protocol.state import Entry, State, approvers, force
from people.models import User


class Named(Shape):
    """What a notice says of an incident."""

    uid: str
    key: str
    title: str


@dataclass(frozen=True)
class Notice:
    """One mail each to some people. `key` names the fact for ever, so that it goes out once.

    `subject` says what has changed, in the first line of the mail; its subject is that of the incident's thread.
    """

    incident: int
    users: tuple[int, ...]
    subject: str
    body: str
    key: str
    page: bool = False
    clocks: tuple[DueClock, ...] = ()


def lapse(incident: int, state: State, lapsed: Entry) -> Notice:
    """The severity rose and ended an own approval: who decides now hears it, and so does who asked."""
    number = lapsed.payload["change"]
    wanted = (*deciders(state, number), state["changes"][str(number)]["requester"])
    return Notice(
        incident,
        tuple(dict.fromkeys(wanted)),
        f"change {number} waits again",
        f"The incident is SEV-{force(state)} now, so the requester's own approval of change {number} has lapsed. "
        "Somebody else must approve it again before it starts.",
        f"lapsed:{number}:{lapsed.seq}",
    )


def deciders(state: State, number: int) -> list[int]:
    """Whom a change waits for; where nobody can answer, the owner, who finds somebody."""
    change = state["changes"][str(number)]
    found = approvers(state, change["requester"], major=change["major"])
    return found or ([state["owner"]] if state["owner"] else [])


def room_url(key: str) -> str:
    """The address of an incident's room, on our own host only (S24)."""
    return f"{settings.BASE_URL}/incidents/{key}/"


def messages(notices: Sequence[Notice], incidents: Mapping[int, Named]) -> list[NewMessage]:
    """Outbox rows for notices; people who cannot be mailed, or may not read what the room says, are left out.

    One query, none without notices.
    """
    if not notices:
        return []
    wanted = {user for notice in notices for user in notice.users}
    people = User.objects.filter(pk__in=wanted, is_active=True, is_machine=False, sees_room=True)
    addresses = dict(people.exclude(email="").values_list("pk", "email"))
    found = []
    for notice in notices:
        incident = incidents[notice.incident]
        for user in notice.users:
            if user not in addresses:
                continue
            found.append(
                NewMessage(
                    key=f"{notice.key}:{incident.uid}:{user}",
                    channel=Channel.EMAIL,
                    dest=addresses[user],
                    payload={
                        "subject": f"{incident.key} {notice.subject}",
                        "body": _body(notice, incident),
                        "thread": f"{incident.uid}.responders",
                    }
                    | ({"clocks": [asdict(clock) for clock in notice.clocks]} if notice.clocks else {}),
                    incident_id=notice.incident,
                    audience=Audience.RESPONDERS,
                    priority=Priority.PAGE if notice.page else Priority.NOTICE,
                )
            )
    return found


def _body(notice: Notice, incident: Named) -> str:
    """First what has changed, then the words, last where it is."""
    first = "" if notice.clocks else f"{notice.subject[:1].upper()}{notice.subject[1:]}.".replace("..", ".")
    said = [first, notice.body, f"{incident.key} {incident.title}\n{room_url(incident.key)}\n"]
    return "\n\n".join(part for part in said if part)

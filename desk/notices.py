"""Short mails to colleagues about an incident: pages, reminders, calls. Texts to audiences are `comms.updates`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol as Shape

from django.conf import settings

from comms.models import Channel, Priority
from comms.outbox import NewMessage
from people.models import User


class Named(Shape):
    """What a notice says of an incident."""

    uid: str
    key: str
    title: str


@dataclass(frozen=True)
class Notice:
    """One mail each to some people. `key` names the fact for ever, so that it goes out once."""

    incident: int
    users: tuple[int, ...]
    subject: str
    body: str
    key: str
    page: bool = False


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
                        "body": f"{notice.body}\n\n{incident.key} {incident.title}\n{room_url(incident.key)}\n",
                        "thread": f"{incident.uid}.responders",
                    },
                    incident_id=notice.incident,
                    priority=Priority.PAGE if notice.page else Priority.NOTICE,
                )
            )
    return found

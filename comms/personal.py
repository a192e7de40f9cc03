"""Mail to one person about their own account; `people.notices` composes it and reaches this by `settings.PERSONAL_MAIL`."""

from collections.abc import Mapping
from datetime import datetime

from comms import outbox
from comms.models import Channel, Priority
from comms.outbox import NewMessage


def mail(
    *, key: str, to: str, subject: str, body: str, thread: str, link: Mapping[str, str] | None, now: datetime
) -> None:
    """Put one mail into the outbox, in the caller's transaction. `link` is a secret one (kernel.links)."""
    payload = {"subject": subject, "body": body, "thread": thread} | ({"link": dict(link)} if link else {})
    outbox.put(
        [NewMessage(key=key, channel=Channel.EMAIL, dest=to, payload=payload, priority=Priority.NOTICE)],
        now=now,
    )

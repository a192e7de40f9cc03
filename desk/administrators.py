"""Mail to the administrators: what a desk cannot mend by itself, each fact once."""

from datetime import datetime

from comms import outbox
from comms.models import Channel
from comms.outbox import NewMessage
from people.models import User
from people.roles import Role


def tell(fact: str, *, subject: str, body: str, thread: str, now: datetime) -> int:
    """Mail every active administrator; how many mails were new. The same `fact` twice is one mail each.

    `fact` becomes part of the dedupe key, `thread` keeps mails about one thing together. `now` is aware UTC.
    """
    people = User.objects.filter(roles__contains=[Role.ADMIN], is_active=True, is_machine=False)
    return outbox.put(
        [
            NewMessage(
                key=f"{fact}:{pk}",
                channel=Channel.EMAIL,
                dest=email,
                payload={"subject": subject, "body": body, "thread": thread},
            )
            for pk, email in people.exclude(email="").order_by("pk").values_list("pk", "email")
        ],
        now=now,
    )

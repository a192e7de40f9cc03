"""What executives, customer support and spectators are told of an incident: an allow-list, field by field (S5).

Nothing here reads the timeline, its texts or the people at work; a field that is not named here cannot leave.
"""

from typing import Any

from comms.models import Audience, UpdateText
from desk.api.wire import time
from incidents.models import Incident
from people.models import User
from people.roles import Role

# Which texts are for whom; whoever has several roles reads what each of them may.
_AUDIENCES: dict[Role, frozenset[str]] = {
    Role.EXECUTIVE: frozenset({Audience.EXECUTIVES, Audience.PUBLIC}),
    Role.CUSTOMER_SUPPORT: frozenset({Audience.CLIENTS, Audience.PUBLIC}),
    Role.SPECTATOR: frozenset({Audience.PUBLIC}),
}


def row(incident: Incident) -> dict[str, Any]:
    """The facts that a summary begins with."""
    return {
        "uid": str(incident.uid),
        "key": incident.key,
        "kind": incident.kind,
        "title": incident.title,
        "severity": incident.severity,
        "status": incident.status,
        "declared_at": time(incident.declared_at),
        "resolved_at": time(incident.resolved_at),
        "closed_at": time(incident.closed_at),
        "next_update_at": time(incident.next_update_at),
    }


def whole(incident: Incident, user: User) -> dict[str, Any]:
    """The summary with the updates that were meant for this person."""
    texts = (
        UpdateText.objects.filter(update__incident=incident, audience__in=audiences(user))
        .select_related("update")
        .order_by("update__number", "audience")
    )
    return {
        **row(incident),
        "updates": [
            {
                "number": text.update.number,
                "audience": text.audience,
                "sent_at": time(text.update.sent_at),
                "next_at": time(text.update.next_at),
                "subject": text.subject,
                "body": text.body,
            }
            for text in texts
        ],
    }


def audiences(user: User) -> frozenset[str]:
    """The audiences whose texts this person reads."""
    return frozenset().union(*(_AUDIENCES.get(Role(role), frozenset()) for role in user.roles))

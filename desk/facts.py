"""What the record says at this moment, in the plain values that a text is composed from."""

from datetime import datetime, timedelta

from comms.composition import Facts
from comms.models import Update
from desk.notices import room_url
from incidentdesk.kernel.stamps import moment
from incidents.models import EntryText, Incident
from incidents.protocol.state import force, holder
from incidents.record import Record
from people.models import User


def facts_of(record: Record, incident: Incident, *, now: datetime) -> Facts:
    """Facts of an incident for its next update. A fixed number of queries."""
    state = record.state
    leader = holder(state, "ic")
    commander = User.objects.filter(pk=leader).first() if leader else None
    names = list(incident.services.order_by("pk").values_list("name", flat=True))
    link = EntryText.objects.filter(
        incident_id=record.id, seq__in=incident.entries.filter(kind="bridge.opened").values("seq")
    ).first()
    return Facts(
        reference=record.key,
        title=record.title,
        severity=force(state),
        detected_at=moment(state["alert"]),
        number=Update.objects.filter(incident=incident).count() + 1,
        outside_name=", ".join(names[:2]) or "our service",
        channel=link.body.get("link", "") if link else "",
        ic=commander.name if commander else "",
        ic_contact=commander.email if commander else "",
        link=room_url(record.key),
        minute=timedelta(seconds=state["minute"]),
    )

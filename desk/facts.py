"""What the record says at this moment, in the plain values that a text is composed from."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from comms.composition import Action, Facts, ImpactLine
from comms.models import Update
from desk.notices import room_url
from desk.triage import subject
from incidentdesk.kernel.stamps import moment
from incidents.lifecycle import UNSORTED
from incidents.models import EntryText, Incident, TimelineEntry
from incidents.protocol.state import State, force, holder
from incidents.record import Record
from people.models import User

UNSEEN = "(a figure that you may not see)"
UNDER_WAY = frozenset({"proposed", "asked", "approved", "started", "finished"})


def facts_of(record: Record, incident: Incident, *, now: datetime, money: bool = True) -> Facts:
    """Facts of an incident for its next update (TPL-09). A fixed number of queries.

    `money` is false for a preview in front of somebody who may not see revenue: the figure stays out of it.
    """
    state = record.state
    leader = holder(state, "ic")
    people = _names(state, leader)
    # What stands for an unknown service has no name that would tell a reader anything.
    known = incident.services.exclude(slug=UNSORTED).order_by("pk")
    names = list(known.values_list("name", flat=True))
    texts = _texts(incident)
    return Facts(
        reference=record.key,
        title=subject(record.title),
        severity=force(state),
        detected_at=moment(state["alert"]),
        number=Update.objects.filter(incident=incident).count() + 1,
        services=tuple(names),
        impacts=_impacts(incident, names, state, money),
        actions=_actions(state, texts, people),
        channel=next(
            (body["link"] for kind, _, body in texts if kind == "bridge.opened" and "link" in body), ""
        ),
        ic=people[leader].name if leader in people else "",
        ic_contact=people[leader].email if leader in people else "",
        link=room_url(record.key),
        minute=timedelta(seconds=state["minute"]),
    )


def _names(state: State, leader: int | None) -> dict[int | None, User]:
    wanted = {leader, *(change["implementer"] for change in state["changes"].values())} - {None}
    return dict(User.objects.in_bulk([user for user in wanted if user is not None]))


def _texts(incident: Incident) -> list[tuple[str, dict[str, object], dict[str, str]]]:
    """Kind, payload and texts of the entries that a text speaks of."""
    rows = TimelineEntry.objects.filter(
        incident=incident, kind__in=("bridge.opened", "change.proposed")
    ).order_by("seq")
    entries = list(rows.values_list("seq", "kind", "payload"))
    bodies = dict(
        EntryText.objects.filter(incident=incident, seq__in=[seq for seq, _, _ in entries]).values_list(
            "seq", "body"
        )
    )
    return [(kind, payload, bodies.get(seq, {})) for seq, kind, payload in entries]


def _impacts(incident: Incident, services: Sequence[str], state: State, money: bool) -> list[ImpactLine]:
    """The latest figures that were stated; what, since when, users, revenue an hour."""
    latest = TimelineEntry.objects.filter(incident=incident, kind="impact.stated").order_by("-seq").first()
    start = state["milestones"].get("impact_start")
    if latest is None or start is None:
        return []
    users, revenue = latest.payload.get("users"), latest.payload.get("revenue")
    return [
        ImpactLine(
            what=", ".join(services) or "the service",
            since=moment(start["at"]),
            users="" if users is None else f"{users:.15g}",
            revenue_per_hour="" if revenue is None else f"{revenue:,.15g}" if money else UNSEEN,
        )
    ]


def _actions(
    state: State,
    texts: Sequence[tuple[str, dict[str, object], dict[str, str]]],
    people: dict[int | None, User],
) -> list[Action]:
    """Changes under way, each with who carries it out."""
    found = []
    for kind, payload, body in texts:
        change = state["changes"].get(str(payload.get("change"))) if kind == "change.proposed" else None
        if change is not None and change["state"] in UNDER_WAY:
            owner = people.get(change["implementer"])
            found.append(
                Action(f"{body.get('what', 'a change')} ({change['state']})", owner.name if owner else "")
            )
    return found

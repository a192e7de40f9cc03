"""Three incidents that are over, told to the real flows in driven time: every entry was made as any other is."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from desk import tick
from desk.admission import admit
from desk.demo.stories import STORIES, Story, Told
from desk.flows import ACTS
from incidents.models import Incident
from oncall import driven
from people.models import User


def make(cast: Mapping[str, User], *, now: datetime) -> bool:
    """Tell the stories once; whether they were told now. They end days before `now`."""
    if Incident.objects.filter(time=Incident.Time.DRIVEN).exists():
        return False
    for story in STORIES:
        midnight = (now - timedelta(days=story.days_ago)).replace(hour=0, minute=0, second=0, microsecond=0)
        with transaction.atomic():
            _tell(story, midnight + story.starts, cast)
    return True


def _tell(story: Story, start: datetime, cast: Mapping[str, User]) -> None:
    firing = driven.Firing(
        story.alert, story.service, story.service, True, start, story.presumed, story.summary, ""
    )
    alert = driven.fire(f"demo.{story.service}", firing, now=start)
    key = admit([alert], now=start, time=Incident.Time.DRIVEN)[alert.id]
    incident = Incident.objects.get(key=key).pk
    for place, told in enumerate(story.told):
        at = start + timedelta(minutes=told.minute)
        tick.drive(incident, until=at)
        if told.noun == "alert-resolved":
            admit([driven.resolve(alert.id, now=at)], now=at, time=Incident.Time.DRIVEN)
            continue
        flow = ACTS[told.noun]
        form = flow.form(**_fields(told, start, cast))
        flow(incident, form, by=cast[told.who], request_id=f"demo:{story.service}:{place}", now=at)
    tick.drive(incident, until=start + timedelta(minutes=story.told[-1].minute), inclusive=True)


def _fields(told: Told, start: datetime, cast: Mapping[str, User]) -> dict[str, Any]:
    """Names of people become their ids, minutes become times."""
    fields = dict(told.fields)
    for name in ("person", "implementer", "to"):
        if fields.get(name) in cast:
            fields[name] = cast[fields[name]].uid
    if "review_after_hours" in fields:
        fields["review_at"] = start + timedelta(hours=fields.pop("review_after_hours"))
    return fields


__all__: Sequence[str] = ["make"]

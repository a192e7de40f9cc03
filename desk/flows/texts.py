"""Texts to audiences: the structured update, "no change", and a dead message sent again (COM-03, -05, -35; CLK-13..16)."""

from dataclasses import replace
from datetime import datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo

from comms import outbox, updates
from comms.composition import Facts, UpdateFields, audience_texts, no_change
from comms.models import Audience, Message
from desk.facts import facts_of
from desk.flows.act import act
from desk.flows.room import Room
from desk.forms.texts import AudienceName, ResendForm, UpdateForm
from incidentdesk.kernel.errors import Block, Invalid, NotAllowed
from incidentdesk.kernel.stamps import moment, stamp
from incidents.models import Incident
from incidents.protocol import clocks
from incidents.protocol.state import ended, force
from people.rights import Right, refusal

OUTSIDE = frozenset({"clients", "public"})
AUDIENCES: tuple[str, ...] = get_args(AudienceName)


def right_for(audience: str) -> Right:
    """Which right a text to an audience takes (COM-10, RBAC-10)."""
    return Right.SEND_TEXT if audience in OUTSIDE else Right.SEND_INTERNAL


def _right(form: UpdateForm) -> Right:
    return Right.SEND_TEXT if OUTSIDE & set(form.audiences) else Right.SEND_INTERNAL


def latest_next(room_or_record: Any, audiences: list[str], now: datetime) -> datetime | None:
    """The latest time the next update may be promised for, or None where no cadence binds (CLK-15)."""
    protocol, state = room_or_record.protocol, room_or_record.state
    if ended(state):
        return None
    dues = [
        clocks.after(protocol, state, clock, stamp(now), limit)
        for clock in protocol.clocks
        if clock.kind == "cadence" and clock.audience in audiences
        and (limit := clock.limit(force(state))) is not None
    ]  # fmt: skip
    return moment(min(dues)) if dues else None


@act("updates", _right, UpdateForm, "update.sent")
def updates_(room: Room, form: UpdateForm) -> str:
    """Send the update to each audience chosen; it meets their clocks and names the next time."""
    refused = [a for a in form.audiences if not room.may(right_for(a))]
    if refused and room.denied is None:
        room.denied = Block("RBAC-10", refusal(right_for(refused[0])))
    incident = Incident.objects.get(pk=room.record.id)
    fields = _fields(room, incident, form)
    next_at = fields.next_at or latest_next(room, list(form.audiences), room.now)
    asked = {"to": list(form.audiences), "next": stamp(next_at) if next_at else None}
    room.check("update.sent", **asked)
    fields = updates.cleaned(replace(fields, next_at=next_at), now=room.now)
    audiences = [Audience(name) for name in dict.fromkeys(form.audiences)]
    facts = facts_of(room.record, incident, now=room.now)
    zone = ZoneInfo(room.state["zone"])
    texts = _overridden(audience_texts(fields, audiences, facts=facts, now=room.now, zone=zone), form)
    update = updates.publish(incident, fields, audiences, texts, by=room.by, now=room.now)
    payload: dict[str, Any] = {"update": update.number, "to": [a.value for a in audiences], "kind": form.kind}
    if next_at is not None:
        payload["next"] = stamp(next_at)
    room.add("update.sent", payload, texts={"text": fields.impact})
    until = f" Next by {next_at:%H:%M} UTC." if next_at else ""
    return f"Update {update.number} is on its way to {', '.join(form.audiences)}.{until}"


def _fields(room: Room, incident: Incident, form: UpdateForm) -> UpdateFields:
    if form.kind == "no-change":
        last = updates.last_fields(incident)
        if last is None:
            raise Invalid(
                "There is no update yet to send again. Write the first one; impact alone is enough."
            )
        return no_change(last[0], status=room.state["status"], last_sent_at=last[1], next_at=form.next_at)
    fields = UpdateFields(
        status=form.status or room.state["status"], impact=form.impact, know=form.known, doing=form.doing, eta=form.eta,
        next_at=form.next_at, shareable=form.shareable, business=form.business, restored_percent=form.restored,
        decisions=form.decisions,
    )  # fmt: skip
    if fields.status in ("resolved", "closed") and not ended(room.state):
        raise Invalid(fields={"status": "The incident is not resolved yet, so no text may say so."})
    return fields


def _overridden(texts: dict[Audience, tuple[str, str]], form: UpdateForm) -> dict[Audience, tuple[str, str]]:
    """Texts edited by hand for one audience stand in place of those made from the fields."""
    edited = {Audience(name): getattr(form, f"text_{name}") for name in AUDIENCES}
    return {audience: (subject, edited[audience] or body) for audience, (subject, body) in texts.items()}


@act("deliveries", Right.SEND_INTERNAL, ResendForm, "message.resent")
def deliveries(room: Room, form: ResendForm) -> str:
    """Send a message that was given up once more, under the same key."""
    room.check("message.resent")
    message = Message.objects.filter(pk=form.message, incident_id=room.record.id).first()
    if message is None or not outbox.resend(message.pk, now=room.now):
        raise Invalid("This message is not waiting to be sent again. Nothing was changed.")
    room.add("message.resent", {"message": message.pk})
    return "It goes out again, under the same key."


__all__ = ["Facts", "NotAllowed", "latest_next", "right_for"]

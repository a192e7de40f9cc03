"""Texts to audiences: the structured update, "no change", and a dead message sent again (COM-03, -05, -35; CLK-13..16)."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo

from comms import outbox, updates
from comms.composition import OVER, Facts, UpdateFields, audience_texts, for_readers, no_change, status_word
from comms.models import Audience, Message, Update, UpdateText
from desk.facts import facts_of
from desk.flows.act import act
from desk.flows.room import Room
from desk.forms.texts import AudienceName, ResendForm, UpdateForm
from incidentdesk.kernel.errors import Invalid, NotAllowed
from incidentdesk.kernel.stamps import moment, stamp
from incidents.authority import Authority
from incidents.models import Incident, TimelineEntry
from incidents.protocol import State, clocks
from incidents.protocol.state import ended, force
from people.rights import Right

# Who reads a text on a page as well: the room, and the summary with the executives' and the public text.
READ_HERE = frozenset({Audience.RESPONDERS, Audience.EXECUTIVES, Audience.PUBLIC})
AUDIENCES: tuple[str, ...] = get_args(AudienceName)
Last = dict[Audience, UpdateText]
# Which right a text to an audience takes (COM-10, RBAC-10).
RIGHTS: dict[str, Right] = {
    "responders": Right.SEND_INTERNAL,
    "executives": Right.SEND_EXECUTIVES,
    "clients": Right.SEND_TEXT,
    "public": Right.SEND_PUBLIC,
}


def _right(who: Authority, form: Any) -> Right:
    """The first right of the audiences chosen that the person lacks, else that of the first audience."""
    wanted = [RIGHTS[audience] for audience in form.audiences] or [Right.SEND_INTERNAL]
    return next((right for right in wanted if not who.may(right)), wanted[0])


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


def _of_last(room: Room, form: UpdateForm) -> int:
    """The last update: what "no change" repeats, and what the next text goes on from."""
    return room.state["sent_seq"]


@act("updates", _right, UpdateForm, "update.sent", answers=_of_last)
def updates_(room: Room, form: UpdateForm) -> str:
    """Send the update to each audience chosen; it meets their clocks and names the next time."""
    incident = Incident.objects.get(pk=room.record.id)
    chosen = [Audience(name) for name in dict.fromkeys(form.audiences)]
    last, left = repeatable(incident, room.state, chosen) if form.kind == "no-change" else ({}, {})
    to = [audience for audience in chosen if audience not in left] or chosen
    next_at = form.next_at or latest_next(room, [a.value for a in to], room.now)
    payload: dict[str, Any] = {"to": [a.value for a in to], "next": stamp(next_at) if next_at else None}
    room.check("update.sent", **payload)
    if left and len(left) == len(chosen):
        raise Invalid(f"Nothing was sent. {_left_out(left)}")
    zone = ZoneInfo(room.state["zone"])
    said = _said(room, form, to, next_at) if form.kind == "full" else _again(room, last, to, next_at, zone)
    texts = audience_texts(said, facts=facts_of(room.record, incident, now=room.now), now=room.now, zone=zone)
    update = updates.publish(incident, said, texts, by=room.by, now=room.now)
    reached = updates.reached(update)
    deaf = unheard(reached, to)
    payload |= {"update": update.number, "kind": form.kind, "unheard": [each.value for each in deaf] or None}
    room.add("update.sent", {name: value for name, value in payload.items() if value is not None},
             texts={"text": said[to[0]].impact})  # fmt: skip
    return _sent(update, reached, to, _left_out(left))


def _said(
    room: Room, form: UpdateForm, to: list[Audience], next_at: datetime | None
) -> dict[Audience, UpdateFields]:
    """What each audience is told by the fields of the form; a text of its own stands in place of them."""
    fields = UpdateFields(
        status=form.status or room.state["status"], impact=form.impact, know=form.known, doing=form.doing, eta=form.eta,
        next_at=next_at, shareable=form.shareable, business=form.business, restored_percent=form.restored,
        decisions=form.decisions,
    )  # fmt: skip
    if fields.status in OVER and not ended(room.state):
        raise Invalid(fields={"status": "The incident is not resolved yet, so no text may say so."})
    fields = updates.cleaned(fields, now=room.now)
    return {audience: replace(fields, own=getattr(form, f"text_{audience.value}")) for audience in to}


def _again(
    room: Room, last: Last, to: list[Audience], next_at: datetime | None, zone: ZoneInfo
) -> dict[Audience, UpdateFields]:
    """What each audience was told last, once more."""
    return {
        audience: updates.cleaned(
            no_change(UpdateFields.from_json(last[audience].data), last_sent_at=last[audience].update.sent_at,
                      next_at=next_at, now=room.now, zone=zone),
            now=room.now,
        )
        for audience in to
    }  # fmt: skip


def repeatable(
    incident: Incident, state: State, audiences: Iterable[Audience]
) -> tuple[Last, dict[Audience, str]]:
    """The last text to each audience that "no change" would be true of, and why not for each other one.

    Each audience has its own last text, since what colleagues read is not for clients. Once the status has moved on from
    what an audience was told, something has changed (COM-06).
    """
    last = updates.last_texts(incident)
    since = set(TimelineEntry.objects.filter(incident=incident, kind="update.sent", seq__gt=state["status_seq"])
                .values_list("payload__update", flat=True))  # fmt: skip
    present = for_readers(state["status"])
    left = {}
    for audience in audiences:
        text = last.get(audience)
        if text is None:
            left[audience] = "nothing was sent to them yet. Write the first one; impact alone is enough."
        elif text.update.number not in since and for_readers(text.data["status"]) != present:
            told, now = status_word(text.data["status"], audience), status_word(present, audience)
            left[audience] = f"they were told “{told}”, and now it is “{now}”. Write the update that says so."
    return last, left


def _left_out(left: dict[Audience, str]) -> str:
    """Who gets no "no change", and why: one sentence for all who share the reason."""
    by_reason: dict[str, list[str]] = {}
    for audience, why in left.items():
        by_reason.setdefault(why, []).append(audience.label.lower())
    return " ".join(f"Not to {', '.join(names)}: {why}" for why, names in by_reason.items())


def unheard(reached: Mapping[Audience, int], to: Iterable[Audience]) -> list[Audience]:
    """The audiences for which a text does not count: it went to nobody, and they have no page that shows it."""
    return [audience for audience in to if not reached.get(audience) and audience not in READ_HERE]


def _sent(update: Update, reached: Mapping[Audience, int], to: list[Audience], left: str) -> str:
    """What became of an update: to whom it goes, and what is kept here because nobody is named to get it."""
    going = [audience.label.lower() for audience in to if reached.get(audience)]
    nobody = [a.label.lower() for a in to if not reached.get(a) and a is not Audience.PUBLIC]
    gone = f"on its way to {', '.join(going)}" if going else "kept here"
    words = [f"Update {update.number} is {gone}."]
    if nobody:
        words.append(f"Nobody is named among {', '.join(nobody)} to get it: their text is kept here.")
    words += [f"The update clock of {a.label.lower()} runs on." for a in unheard(reached, to)]
    if Audience.PUBLIC in to:
        words.append("The public text is kept here.")
    if left:
        words.append(left)
    if update.next_at is not None:
        words.append(f"Next by {update.next_at:%H:%M} UTC.")
    return " ".join(words)


@act("deliveries", Right.SEND_INTERNAL, ResendForm, "message.resent")
def deliveries(room: Room, form: ResendForm) -> str:
    """Send a message that was given up once more, under the same key."""
    room.check("message.resent")
    message = Message.objects.filter(pk=form.message, incident_id=room.record.id).first()
    if message is None or not outbox.resend(message.pk, now=room.now):
        raise Invalid("This message is not waiting to be sent again. Nothing was changed.")
    room.add("message.resent", {"message": message.pk})
    return "It goes out again, under the same key."


__all__ = ["RIGHTS", "Facts", "NotAllowed", "latest_next"]

"""`update` of the templates: the draft made from the record, and each audience's text exactly as it would be sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from comms import updates
from comms.composition import UpdateFields, audience_texts, for_readers
from comms.models import Audience, Channel, Update
from desk import parsing
from desk.answers import FormState, Told
from desk.facts import facts_of
from desk.flows.texts import AUDIENCES, RIGHTS, latest_next, repeatable
from desk.names import humans
from desk.room.clocks import next_update, updates_due
from desk.room.header import severity
from desk.room.load import instant
from desk.room.shapes import Countdown, Live, Option, Pair, Sheet, UpdateView
from desk.room.standing import Standing
from desk.room.words import Words, counted, fixed, listed, rough
from desk.triage import subject
from incidentdesk.kernel.errors import Invalid
from incidentdesk.kernel.stamps import stamp
from incidents.disclosure import hidden_audiences
from incidents.models import EntryText, Incident, TimelineEntry
from incidents.protocol import Reading, State, clocks, read
from incidents.protocol.state import ended, force
from incidents.record import Record, state_of
from people.models import User
from people.rights import Right, refusal

# INC-46: the fixed list for readers; what is over counts as resolved, what has only opened as investigating.
STATUSES = {
    "investigating": "Investigating", "identified": "Identified", "mitigating": "Mitigating",
    "monitoring": "Monitoring", "resolved": "Resolved",
}  # fmt: skip
TEXTS = ("impact", "known", "shareable", "doing", "business", "decisions", "eta")


@dataclass(frozen=True)
class Desk:
    """One writer before one incident at one instant."""

    incident: Incident
    record: Record
    writer: User
    now: datetime
    tick: datetime | None
    readings: list[Reading]
    words: Words

    @property
    def state(self) -> State:
        """Where the fold stands."""
        return self.record.state

    @property
    def here(self) -> Standing:
        """What the writer may do."""
        return Standing(self.record.protocol, self.state, self.writer, self.now)


def desk(incident: Incident, writer: User) -> Desk:
    """Read what a draft needs. A driven incident speaks of its driver's last instant."""
    wall, tick = instant()
    now = (incident.driven_now or incident.opened_at) if incident.time == Incident.Time.DRIVEN else wall
    state = state_of(incident)
    record = Record(
        id=incident.pk, uid=str(incident.uid), key=incident.key, title=incident.title, time=incident.time,
        kind=incident.kind, protocol_id=incident.protocol_id, state=state, seq=incident.seq, rev=incident.rev,
        head=bytes(incident.head_hash), now=now,
    )  # fmt: skip
    words = Words(now=now, zone=writer.tz, viewer=writer.pk, people=humans([writer.pk]))
    return Desk(incident, record, writer, now, tick, read(record.protocol, state, now), words)


def draft(found: Desk) -> UpdateFields:
    """A first text from the record: impact as stated, findings that stand; the last update's words where there are any."""
    status = for_readers(found.state["status"])
    impact, findings, shareable = _written(found.incident)
    last = updates.last_fields(found.incident)
    if last is None:
        return UpdateFields(status=status, impact=impact, know=findings, shareable=shareable)
    # What executives were told in their own fields is theirs, and of those who may read their texts (RBAC-21).
    hidden = Audience.EXECUTIVES in hidden_audiences(found.here.rights)
    before = replace(last[0], business="", decisions="") if hidden else last[0]
    return replace(
        before, status=status, know=findings or before.know, shareable=shareable or before.shareable, next_at=None,
        unchanged_since=None, impact=before.impact or impact,
    )  # fmt: skip


def _written(incident: Incident) -> tuple[str, str, str]:
    """Impact, findings, and those of them that may be shared. A theory is no finding, a corrected one no longer is."""
    kinds = ("opened", "declared", "impact.stated", "finding", "corrected")
    rows = list(TimelineEntry.objects.filter(incident=incident, kind__in=kinds).order_by("seq")
                .values_list("seq", "kind", "payload"))  # fmt: skip
    bodies = dict(
        EntryText.objects.filter(incident=incident, seq__in=[row[0] for row in rows]).values_list(
            "seq", "body"
        )
    )
    impact, findings, shareable = "", [], []
    corrected = {
        payload["of"]: bodies.get(seq, {}).get("text", "")
        for seq, kind, payload in rows
        if kind == "corrected"
    }
    for seq, kind, payload in rows:
        body = bodies.get(seq, {})
        if kind == "finding":
            text = corrected.get(seq) or body.get("text", "")
            findings += [text] if text else []
            shareable += [text] if text and payload.get("shareable") else []
        else:
            impact = body.get("fails") or (body.get("symptom") if kind != "impact.stated" else "") or impact
    return impact, "\n".join(findings[-6:]), "\n".join(shareable[-4:])


def typed(found: Desk, values: Mapping[str, Any]) -> tuple[UpdateFields, dict[str, str], dict[str, str]]:
    """The fields as typed so far, the words for single audiences, and what is wrong with each field."""
    wrong: dict[str, str] = {}
    next_at = None
    try:
        next_at = parsing.local_time(_one(values, "next_at"), found.writer.tz)
    except ValueError:
        wrong["next_at"] = "This is no time that can be read."
    restored = _one(values, "restored")
    status = _one(values, "status")
    fields = UpdateFields(
        status=status if status in STATUSES else for_readers(found.state["status"]),
        impact=_one(values, "impact"), know=_one(values, "known"), doing=_one(values, "doing"), eta=_one(values, "eta"),
        next_at=next_at, shareable=_one(values, "shareable"), business=_one(values, "business"),
        restored_percent=int(restored) if _is_percent(restored) else None,
        decisions=_one(values, "decisions"),
    )  # fmt: skip
    own = {name: _one(values, f"text_{name}") for name in AUDIENCES}
    return fields, own, wrong


def _is_percent(text: str) -> bool:
    return len(text) <= 3 and text.isdecimal() and int(text) <= 100


def _one(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name, "")
    return str(value[-1] if isinstance(value, tuple | list) and value else value or "")


def sheets(
    found: Desk,
    fields: UpdateFields,
    own: Mapping[str, str],
    wrong: Mapping[str, str],
    chosen: Sequence[str] | None,
) -> tuple[Sheet, ...]:
    """One text an audience: what the flow would send now, with what stands against it as advice."""
    money = found.here.may(Right.SEE_REVENUE)
    facts = facts_of(found.record, found.incident, now=found.now, money=money)
    zone = ZoneInfo(found.state["zone"])
    made = []
    for name in AUDIENCES:
        audience = Audience(name)
        latest = latest_next(found.record, [name], found.now)
        said = replace(fields, next_at=fields.next_at or latest)
        warnings = list(wrong.values())
        try:
            said = updates.cleaned(said, now=found.now, latest_next=latest)
        except Invalid as error:
            warnings += error.fields.values() or [error.sentence]
        subject, body = audience_texts({audience: said}, facts=facts, now=found.now, zone=zone)[audience]
        made.append(
            _sheet(found, audience, subject, own.get(name, "") or body, own.get(name, ""), warnings, chosen)
        )
    return tuple(made)


def _sheet(
    found: Desk, audience: Audience, subject: str, body: str, own: str, warnings: Sequence[str],
    chosen: Sequence[str] | None,
) -> Sheet:  # fmt: skip
    right = RIGHTS[audience.value]
    may = found.here.may(right)
    due = _due(found, audience.value)
    return Sheet(
        audience=cast(Any, audience.value),
        label=str(audience.label),
        to=_to(found.incident, audience),
        subject=subject,
        parts=parts(body),
        due=due,
        chosen=may and (audience.value in chosen if chosen is not None else due.mode == "until"),
        may=may,
        why_not="" if may else refusal(right),
        warnings=tuple(warnings),
        own=own,
    )


def parts(body: str) -> tuple[Pair, ...]:
    """A text in its paragraphs; one that begins with a line ending in a colon has that as its heading."""
    found = []
    for paragraph in filter(None, (part.strip() for part in body.split("\n\n"))):
        head, _, rest = paragraph.partition("\n")
        found.append(Pair(head[:-1], rest) if head.endswith(":") and rest else Pair("", paragraph))
    return tuple(found)


def _due(found: Desk, audience: str) -> Countdown:
    for reading in updates_due(found.readings, found.record.protocol):
        if found.record.protocol.clock[reading.clock].audience == audience and reading.due is not None:
            return found.words.until(
                f"Due {found.words.at(reading.due).short}", reading.due, soon=reading.amber_at
            )
    return fixed("", "none due")


def _to(incident: Incident, audience: Audience) -> str:
    if audience is Audience.PUBLIC:
        return "Public text, kept here"
    people = updates.recipients(audience, incident)
    mails = sum(each.channel is Channel.EMAIL for each in people)
    hooks = len(people) - mails
    told = [counted(mails, "address", "addresses")] if mails else []
    told += [counted(hooks, "webhook")] if hooks else []
    return f"To {listed(told)}" if told else "Kept here: nobody is named to get it"


def view(found: Desk, *, form: FormState | None = None, answer: Told | None = None) -> UpdateView:
    """The whole page. `form` is what was typed into one that was refused."""
    fields, own = draft(found), dict.fromkeys(AUDIENCES, "")
    wrong: dict[str, str] = {}
    chosen: list[str] | None = None
    if form is not None:
        fields, own, wrong = typed(found, form.values)
        sent = form.values.get("audiences", ())
        chosen = list(sent) if isinstance(sent, tuple | list) else [str(sent)]
    shown = sheets(found, fields, own, wrong, chosen)
    base = f"/incidents/{found.incident.key}/"
    return UpdateView(
        base=base,
        action=f"{base}updates/",
        preview_url=f"{base}updates/preview/",
        draft=str(found.incident.uid),
        key=found.incident.key,
        title=subject(found.incident.title),
        severity=severity(found.state),
        number=Update.objects.filter(incident=found.incident).count() + 1,
        due=next_update(found.readings, found.record.protocol, found.words),
        redacted=found.state["redacted"],
        version=found.state["sent_seq"],
        live=Live(f"{base}live/", str(found.incident.rev), stamp(found.now), stamp(found.tick) if found.tick else "",
                  closed=found.state["status"] == "closed" or found.record.driven),
        statuses=_statuses(found.state, fields.status),
        impact=fields.impact,
        known=fields.know,
        doing=fields.doing,
        eta=fields.eta,
        next_at=_one(form.values, "next_at") if form else "",
        next_rule=_rule(found),
        sheets=shown,
        no_change=_no_change(found, shown),
        answer=answer,
        form=form or FormState(),
        shareable=fields.shareable,
        business=fields.business,
        restored="" if fields.restored_percent is None else str(fields.restored_percent),
        decisions=fields.decisions,
    )  # fmt: skip


def _statuses(state: State, chosen: str) -> tuple[Option, ...]:
    """INC-46. Nothing may be called resolved before it is."""
    return tuple(
        Option(value, label, chosen=value == chosen)
        for value, label in STATUSES.items()
        if value != "resolved" or ended(state)
    )


def _rule(found: Desk) -> str:
    """The latest time that the cadence lets one promise (CLK-15)."""
    if ended(found.state):
        return "It is resolved, so no further update has to be promised."
    protocol, state, level = found.record.protocol, found.state, force(found.state)
    at = stamp(found.now)
    latest = [
        (clocks.after(protocol, state, each, at, limit), limit, clocks.in_hours(protocol, state, each))
        for each in protocol.clocks
        if each.kind == "cadence" and (limit := each.limit(level)) is not None
    ]
    if not latest:
        return f"SEV-{level} binds to no time; name one all the same."
    _, limit, in_hours = min(latest)
    working = " of working time" if in_hours else ""
    return f"Left empty: {rough(limit * state['minute'])}{working} after sending, the latest that SEV-{level} allows."


def _no_change(found: Desk, shown: Sequence[Sheet]) -> str:
    """What "no change" would do, in a sentence; nothing while it would be true of nobody's last text (COM-03)."""
    mine = [Audience(sheet.audience) for sheet in shown if sheet.may]
    last, left = repeatable(found.incident, found.state, mine)
    if ended(found.state) or len(left) == len(mine):
        return ""
    to = []
    for sheet in shown:
        text = last.get(Audience(sheet.audience))
        if sheet.chosen and text is not None and Audience(sheet.audience) not in left:
            since = UpdateFields.from_json(text.data).unchanged_since or text.update.sent_at
            to.append(f"{sheet.label.lower()} (since {found.words.short(since)})")
    return f"“No change” sends each its last text again, whole, saying since when it stands, to: {', '.join(to) or 'nobody chosen yet'}."


__all__ = ["Desk", "desk", "draft", "parts", "sheets", "typed", "view"]

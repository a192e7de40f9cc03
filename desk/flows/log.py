"""The log: findings, theories, questions, actions, decisions, corrections, escalations (FIND-01..14, CLK-17, -18)."""

import re
from typing import Any

from desk.flows.act import act
from desk.flows.room import Room
from desk.forms.log import CorrectionForm, EntryForm, EscalationForm, ReasonForm, TheoryForm
from incidentdesk.kernel.errors import Invalid
from incidents.models import TimelineEntry
from incidents.protocol.state import holder
from people.rights import Right

UNSURE = re.compile(
    r"\b(i think|probably|maybe|perhaps|might be|i guess|presumably|seems like)\b", re.IGNORECASE
)
CORRECTABLE = frozenset(
    {
        "finding",
        "theory",
        "question",
        "action",
        "decision",
        "nothing",
        "note",
        "blast.reported",
        "impact.stated",
        "escalated",
    }
)


def _of_line(room: Room, form: CorrectionForm) -> int:
    """The last correction of a line, 0 while it stands as it was written."""
    return room.latest("corrected", of=form.seq)


def _of_theory(room: Room, form: TheoryForm) -> int:
    """The entry that settled a theory last, 0 while it is open."""
    return room.latest("theory.settled", theory=form.seq)


@act(
    "entries", Right.POST, EntryForm, "finding", "theory", "question", "action", "decision", "nothing", "note"
)
def entries(room: Room, form: EntryForm) -> str:
    """Log one typed line."""
    room.check(form.kind)
    payload: dict[str, Any] = {}
    texts = {"text": form.text}
    if form.kind == "finding":
        if not (form.source and form.value):
            raise Invalid(
                fields={
                    "source": "A finding needs its source and what it showed. Without them, log it as a theory."
                }
            )
        payload = {"cause": form.cause, "shareable": form.shareable}
        texts |= {"source": form.source, "value": form.value}
        if UNSURE.search(form.text):
            room.warn(
                "This reads like a theory. A finding says what was seen; correct it or log a theory instead."
            )
    if form.kind == "decision":
        if not form.why:
            raise Invalid(fields={"why": "A decision needs its reason in a line."})
        texts["why"] = form.why
    if form.kind == "action" and form.result:
        texts["result"] = form.result
    if form.to is not None:
        payload["to"] = room.person(form.to, "to").pk
    room.add(form.kind, payload, texts=texts, happened_at=form.happened_at)
    if form.kind == "question" and "to" in payload:
        room.tell(
            [payload["to"]],
            "a question for you",
            f"{room.by.name} asks: {form.text}",
            key=f"question:{room.last.seq}",
        )
    return "Logged."


@act("corrections", Right.POST, CorrectionForm, "corrected", answers=_of_line)
def corrections(room: Room, form: CorrectionForm) -> str:
    """Correct a line: a new entry that points at the old one; nothing is ever rewritten (FIND-08)."""
    room.check("corrected")
    old = TimelineEntry.objects.filter(incident_id=room.record.id, seq=form.seq).first()
    if old is None or old.kind not in CORRECTABLE:
        raise Invalid(
            fields={"seq": "Only a line that somebody wrote can be corrected; what the desk recorded stands."}
        )
    payload = {"of": form.seq, "kind": old.kind}
    if "revenue" in old.payload:  # its words may repeat the figure, so they take the same right (RBAC-18)
        payload["revenue"] = True
    room.add("corrected", payload, texts={"text": form.text, "reason": form.reason})
    return "Corrected; the old line stays readable."


@act("theories", Right.POST, TheoryForm, "theory.settled", answers=_of_theory)
def theories(room: Room, form: TheoryForm) -> str:
    """Confirm a theory with a finding as evidence, or rule it out (FIND-04)."""
    room.check("theory.settled")
    if room.state["theories"].get(str(form.seq)) is None:
        raise Invalid(fields={"seq": "There is no such theory on this incident."})
    payload: dict[str, Any] = {"theory": form.seq, "as": form.state}
    if form.state == "confirmed":
        evidence = TimelineEntry.objects.filter(
            incident_id=room.record.id, seq=form.evidence or 0, kind="finding"
        ).first()
        if evidence is None:
            raise Invalid(
                fields={"evidence": "A theory is confirmed by a finding. Choose the finding that proves it."}
            )
        payload["evidence"] = evidence.seq
    room.add("theory.settled", payload, texts={"note": form.note})
    return "The theory is confirmed." if form.state == "confirmed" else "The theory is ruled out."


@act("escalations", Right.ESCALATE, EscalationForm, "escalated")
def escalations(room: Room, form: EscalationForm) -> str:
    """Escalate: to the third level, to leadership, to a vendor, to another team."""
    room.check("escalated")
    payload: dict[str, Any] = {"to": form.to}
    person = room.person(form.person) if form.person else None
    if person is not None:
        payload["user"] = person.pk
    room.add("escalated", payload, texts={"text": form.text}, happened_at=form.happened_at)
    told = [person.pk] if person else room.state["managers"] if form.to == "leadership" else []
    room.tell(
        told, "escalated to you", f"{room.by.name} escalates: {form.text}", key=f"escalated:{room.last.seq}"
    )
    return "Escalated."


@act("reasons", Right.POST, ReasonForm, "reason")
def reasons(room: Room, form: ReasonForm) -> str:
    """Say why neither a theory nor an escalation is due yet (CLK-17)."""
    room.check("reason")
    if form.clock not in {clock.id for clock in room.protocol.reasoned}:
        raise Invalid(fields={"clock": "A reason answers no such clock."})
    room.add("reason", {"clock": form.clock}, texts={"text": form.text})
    room.tell(
        [holder(room.state, "ic")],
        "a clock was answered with a reason",
        form.text,
        key=f"reason:{room.last.seq}",
    )
    return "The reason is on the record."

"""Production changes: announce, get approval, act, confirm; nothing skipped (APP-01..08, -20, -22)."""

from desk.flows.act import act
from desk.flows.room import Room
from desk.forms.changes import (
    ApproveForm,
    ChangeForm,
    ChangeStepForm,
    ChangeTextForm,
    ConfirmForm,
    DoneForm,
    OnChange,
    RejectForm,
)
from incidentdesk.kernel.errors import Invalid
from incidents.authority import Authority
from incidents.models import TimelineEntry
from incidents.protocol.state import force, holder
from people.rights import Right


def _answering(who: Authority, form: OnChange) -> Right | None:
    """Who the chain has come to answers without the right; GATE-02 says why anybody else does not."""
    return None if who.answers(str(form.number)) else Right.APPROVE_CHANGE


def _of_change(room: Room, form: OnChange | DoneForm) -> int | None:
    """The version of a change: the entry of its last step."""
    known = room.state["changes"].get(str(form.number))
    return known["seq"] if known else None


def _step(room: Room, form: OnChange, kind: str, *texts: str, **facts: bool | int | None) -> None:
    """Record one step of a change: of the version that the person saw, allowed by its gates, after the step before."""
    room.check(kind, change=form.number, risk=facts.get("risk", False))
    _after(room, form, entered=kind == "change.started")
    if kind == "change.approved":
        facts["under"] = force(room.state)
    room.add(kind, {"change": form.number, **facts}, texts={name: getattr(form, name) for name in texts},
             happened_at=form.happened_at)  # fmt: skip


def _after(room: Room, form: OnChange, *, entered: bool) -> None:
    """No step lies before the one it follows; a start not before the OK was entered, which is what allowed it."""
    before = TimelineEntry.objects.get(
        incident_id=room.record.id, seq=room.state["changes"][str(form.number)]["seq"]
    )
    least = before.recorded_at if entered else before.happened_at
    if form.happened_at is not None and form.happened_at < least:
        raise Invalid(
            fields={
                "happened_at": f"The step before this one was at {least:%H:%M:%S} UTC. Choose a later time."
            }
        )


def _tell_requester(room: Room, form: OnChange, what: str, words: str, key: str) -> None:
    requester = room.state["changes"][str(form.number)]["requester"]
    room.tell([requester], what, words, key=f"{key}:{room.last.seq}")


@act("changes", Right.PROPOSE_CHANGE, ChangeForm, "change.proposed")
def changes(room: Room, form: ChangeForm) -> str:
    """Propose a production change; it is only a request until it is approved."""
    number = len(room.state["changes"]) + 1
    implementer = room.person(form.implementer, "implementer").pk if form.implementer else None
    room.check("change.proposed", implementer=implementer)
    if implementer is None and holder(room.state, "ic") != room.by.pk:
        implementer = room.by.pk
    payload = {"change": number, "risk": bool(form.risk), "implementer": implementer, "notice": form.notice}
    texts = {
        name: getattr(form, name) for name in ("what", "target", "why", "effect", "risk", "loss", "undo")
    }
    room.add("change.proposed", payload, texts=texts, happened_at=form.happened_at)
    room.tell(room.asked(number), f"change {number} waits for you", f"{room.by.name} proposes: {form.what}\nRisk: {form.risk or 'not stated'}",
              key=f"change:{number}:{room.last.seq}")  # fmt: skip
    return f"Change {number} is proposed and waits for the Incident Commander."


@act("approvals", _answering, ApproveForm, "change.approved", answers=_of_change)
def approvals(room: Room, form: ApproveForm) -> str:
    """Approve a change; a verbal OK carries the time of the words."""
    _step(room, form, "change.approved", "note", "risk", risk=bool(form.risk))
    change, approved = room.state["changes"][str(form.number)], room.last
    room.tell([change["implementer"], change["requester"]], f"change {form.number} is approved",
              f"{room.by.name} approved change {form.number}. {form.note}", key=f"approved:{form.number}:{approved.seq}")  # fmt: skip
    if change["notice"]:
        _warn_customers(room, form.number)
    room.last = approved
    return f"Change {form.number} is approved."


def _warn_customers(room: Room, number: int) -> None:
    """Customers may notice it: a draft for them, and word to whoever writes."""
    approved = room.last.seq
    room.add("draft.prepared", {"why": "change", "change": number, "to": ["clients", "public"]}, desk=True)
    writer = holder(room.state, "comms") or holder(room.state, "ic") or room.state["owner"]
    room.tell([writer], "customers may notice a change", f"Change {number} is approved and customers may notice it: "
              "a draft that says so is ready.", key=f"notice:{number}:{approved}")  # fmt: skip


@act("rejections", _answering, RejectForm, "change.rejected", answers=_of_change)
def rejections(room: Room, form: RejectForm) -> str:
    """Reject a change, with the reason."""
    _step(room, form, "change.rejected", "note")
    _tell_requester(
        room, form, f"change {form.number} is rejected", f"{room.by.name}: {form.note}", "rejected"
    )
    return f"Change {form.number} is rejected."


@act("questions-on-changes", _answering, ChangeTextForm, "change.asked", answers=_of_change)
def questions_on_changes(room: Room, form: ChangeTextForm) -> str:
    """Ask about a change before deciding; the reply starts the decision clock again."""
    _step(room, form, "change.asked", "text")
    _tell_requester(
        room, form, f"a question about change {form.number}", f"{room.by.name} asks: {form.text}", "asked"
    )
    return "Asked."


@act("replies", Right.PROPOSE_CHANGE, ChangeTextForm, "change.replied", answers=_of_change)
def replies(room: Room, form: ChangeTextForm) -> str:
    """Reply to a question about a change; the risk may be stated with it."""
    _step(room, form, "change.replied", "text", "risk", risk=bool(form.risk))
    room.tell(
        room.asked(form.number),
        f"change {form.number}: answered",
        form.text,
        key=f"replied:{room.last.seq}",
    )
    return "Answered; the change waits for a decision."


@act("starts", Right.START_CHANGE, ChangeStepForm, "change.started", answers=_of_change)
def starts(room: Room, form: ChangeStepForm) -> str:
    """Start an approved change."""
    _step(room, form, "change.started", "text")
    return f"Change {form.number} is under way."


@act("finishes", Right.POST, ChangeStepForm, "change.finished", answers=_of_change)
def finishes(room: Room, form: ChangeStepForm) -> str:
    """Say that a change has been carried out, and what was done."""
    _step(room, form, "change.finished", "text")
    return f"Change {form.number} is finished. Was the effect seen?"


@act("confirmations", Right.POST, ConfirmForm, "change.confirmed", answers=_of_change)
def confirmations(room: Room, form: ConfirmForm) -> str:
    """Confirm the effect of a change: seen or not."""
    seen = form.seen == "yes"
    _step(room, form, "change.confirmed", "text", effect=seen)
    return "The effect is confirmed." if seen else "Noted: the effect was not seen."


@act("withdrawals", Right.PROPOSE_CHANGE, ChangeStepForm, "change.withdrawn", answers=_of_change)
def withdrawals(room: Room, form: ChangeStepForm) -> str:
    """Withdraw a change that has not started. Once approved, whoever expects it hears that it will not come."""
    change = room.state["changes"].get(str(form.number))
    _step(room, form, "change.withdrawn", "text")
    if change and change["state"] == "approved":
        writer = (holder(room.state, "comms") or holder(room.state, "ic")) if change["notice"] else None
        expects = [change["implementer"], change["requester"], change["approver"], writer]
        room.tell([user for user in expects if user != room.by.pk], f"change {form.number} is withdrawn",
                  f"{room.by.name} withdrew change {form.number} after its approval. It must not start. {form.text}".strip(),
                  key=f"withdrawn:{form.number}:{room.last.seq}")  # fmt: skip
    return f"Change {form.number} is withdrawn."


@act("done-changes", Right.PROPOSE_CHANGE, DoneForm, "change.done", answers=_of_change)
def done_changes(room: Room, form: DoneForm) -> str:
    """Log a change that was made already; without approval it is unauthorised and the IC hears of it (APP-02)."""
    number = form.number or len(room.state["changes"]) + 1
    if form.number is not None and str(form.number) not in room.state["changes"]:
        raise Invalid(fields={"number": "There is no such change on this incident."})
    room.check("change.done", change=number)
    person = room.person(form.person).pk if form.person else room.by.pk
    room.add("change.done", {"change": number, "implementer": person},
             texts={"what": form.what, "target": form.target, "why": form.why, "risk": form.risk},
             happened_at=form.happened_at)  # fmt: skip
    if room.state["changes"][str(number)].get("unauthorised"):
        commander = holder(room.state, "ic")
        told = [commander] if commander else [room.state["owner"], *room.state["managers"][:1]]
        room.tell(told, "a change without approval", f"{room.by.name} logged a change that nobody had approved: {form.what}",
                  key=f"unauthorised:{number}")  # fmt: skip
        return "Logged as made without approval. No blame: the record needs it."
    return "Logged."

"""Moving the status: every step of the table, resolve and close (INC-10..13, RES-01..15)."""

from typing import Any

from desk.flows.act import act
from desk.flows.room import Room
from desk.forms.fields import Ticked
from desk.forms.impact import ImpactEndForm
from desk.forms.incident import CloseForm, MoveForm, ResolveForm, TickForm
from incidentdesk.kernel.errors import Invalid
from incidentdesk.kernel.stamps import moment, stamp
from incidents.authority import Authority
from incidents.protocol import review
from people.rights import Right


def _of_status(room: Room, form: Any) -> int:
    """The version of the status: the entry that moved it last."""
    return room.state["status_seq"]


def _of_item(room: Room, form: TickForm) -> int:
    return room.latest("item.ticked", item=form.item)


def _of_impact(room: Room, form: Any) -> int:
    return room.state["impact_seq"]


def _moving(who: Authority, form: Any) -> Right | None:
    """The right of a step: reopening has its own, and out of Open the table lets the owner lead."""
    status = who.state["status"]
    if form.to == "investigating" and status in ("resolved", "closed"):
        return Right.REOPEN_CLOSED if status == "closed" else Right.REOPEN
    if form.to == "investigating" and status == "open" and who.state["owner"] == who.user:
        return None
    return Right.IDENTIFY if form.to == "identified" else Right.MOVE


def _closing(who: Authority, form: Any) -> Right:
    """Closing what was only just declared is dismissing it (INC-10)."""
    return Right.DISMISS if who.state["status"] in ("open", "investigating") else Right.CLOSE


@act("moves", _moving, MoveForm, "status.moved", answers=_of_status)
def moves(room: Room, form: MoveForm) -> str:
    """Move the incident one step of the status table."""
    reopens = room.state["status"] in ("resolved", "closed") and form.to == "investigating"
    room.check("status.moved", to=form.to, note=form.note, workaround=form.workaround)
    payload: dict[str, Any] = {"from": room.state["status"], "to": form.to}
    if reopens:
        payload["again"] = True
    room.add("status.moved", payload, texts={"note": form.note, "workaround": form.workaround},
             happened_at=form.happened_at)  # fmt: skip
    return f"The incident is {form.to} now."


@act("resolutions", Right.RESOLVE, ResolveForm, "status.moved", answers=_of_status)
def resolutions(room: Room, form: ResolveForm) -> str:
    """Resolve: after the window, with proof, checklist and the date of the review."""
    items = _items(room, form.items)
    room.check(
        "status.moved", to="resolved", proof=form.proof, review=form.review_at, items=items, note=form.note
    )
    if form.review_at is not None and form.review_at < room.now:
        raise Invalid(fields={"review_at": "The review cannot be in the past. Choose a time to come."})
    latest = review.limit(room.protocol, room.state, room.now)
    if form.review_at is not None and form.review_at > latest:
        room.warn(
            f"The review is later than the protocol wants it: {latest:%Y-%m-%d %H:%M} UTC at the latest. It counts as late."
        )
    _tick(room, items)
    payload: dict[str, Any] = {"from": room.state["status"], "to": "resolved"}
    if form.review_at is not None:
        payload["review"] = stamp(form.review_at)
    # It happens as it is recorded: an earlier time would wipe out what was missed until now, and pass the window on paper.
    room.add("status.moved", payload, texts={"proof": form.proof, "note": form.note})
    room.tell(
        room.everyone(), "resolved", f"{room.by.name} resolved the incident.", key=f"resolved:{room.last.seq}"
    )
    return "Resolved. Send the last update to everybody who was told."


@act("closures", _closing, CloseForm, "status.moved", answers=_of_status)
def closures(room: Room, form: CloseForm) -> str:
    """Close: the closure list, and the clients' confirmations or a manager's reason; or a false alarm."""
    items = _items(room, form.items)
    note = form.reason or form.note
    room.check("status.moved", to="closed", items=items, note=note)
    false_alarm = room.state["status"] in ("open", "investigating")
    _tick(room, items)
    room.add(
        "status.moved",
        {"from": room.state["status"], "to": "closed", "false_alarm": false_alarm},
        texts={"note": note},
    )
    return "Closed as a false alarm." if false_alarm else "Closed. Thank you all."


@act("checklist", Right.TICK, TickForm, "item.ticked", answers=_of_item)
def checklist(room: Room, form: TickForm) -> str:
    """Tick a line of a checklist, or say that it was asked and is pending."""
    room.check("item.ticked")
    _known(room, form.item)
    _tick(room, {form.item: _answer(form.state)})
    return "Noted."


def _answer(value: str) -> str:
    return "done" if value == "ticked" else value


def _items(room: Room, given: dict[str, Ticked]) -> dict[str, str]:
    """The answers that came with a form, by line. Raises Invalid for a line that is on no list of the protocol."""
    for item in given:
        _known(room, item)
    return {item: _answer(value) for item, value in given.items() if value}


def _known(room: Room, item: str) -> None:
    if all(line.id != item for lines in room.protocol.checklists.values() for line in lines):
        raise Invalid(fields={"item": "There is no such line on the lists of this incident."})


def _tick(room: Room, items: dict[str, str]) -> None:
    for item, value in items.items():
        if room.state["items"].get(item, "") != value:
            room.add("item.ticked", {"item": item, "as": value})


@act("impact-ends", Right.END_IMPACT, ImpactEndForm, "impact.ended", answers=_of_impact)
def impact_ends(room: Room, form: ImpactEndForm) -> str:
    """Stamp the end of the impact; the window starts, and the IC's stamp moves Mitigating to Monitoring."""
    room.check("impact.ended")
    began = room.state["impact"][-1][0] if room.state["impact"] else None
    if began is not None and (form.happened_at or room.now) < moment(began):
        raise Invalid(
            fields={"happened_at": "This time lies before the start of the impact. Choose a later one."}
        )
    room.add("impact.ended", {}, texts={"note": form.note}, happened_at=form.happened_at)
    room.tell(room.everyone(), "impact ended", f"{room.by.name} stamped the end of the impact. The window runs.",
              key=f"impact-ended:{room.last.seq}")  # fmt: skip
    return "The impact has ended; the stabilisation window runs from now."

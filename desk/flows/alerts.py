"""Acts on alerts and pages: acknowledge, wake somebody by hand, end an alert by hand (ALR-04, decisions 7 and 11)."""

from datetime import datetime
from typing import Literal

from desk.flows.act import act
from desk.flows.room import Room
from desk.forms.alerts import AcknowledgeForm, AlertEndForm, PageForm
from incidentdesk.kernel.errors import Block, Invalid, Refused
from incidentdesk.kernel.stamps import moment
from oncall import alerts, pages
from people.models import User
from people.rights import Right


class ByLink(AcknowledgeForm):
    """The same act through the link of a page's mail, without signing in; only `desk.ack` makes it."""

    via: Literal["link"] = "link"


@act("acknowledgements", Right.ACKNOWLEDGE, AcknowledgeForm, "page.acknowledged")
def acknowledgements(room: Room, form: AcknowledgeForm) -> str:
    """Acknowledge a page: the chain stops, and on a record that an alert opened the acknowledger is its owner."""
    own = sorted(
        int(number)
        for number, page in room.state["pages"].items()
        if page["user"] == room.by.pk and "acked" not in page
    )
    number = form.page if form.page is not None else next(iter(own), None)
    if number is None:
        room.check("page.acknowledged", page=_latest(room))
        raise Refused(
            [
                Block(
                    "ALR-04",
                    "No page of this incident waits for you. Name the page you answer, if it is another's.",
                )
            ]
        )
    room.check("page.acknowledged", page=number)
    via = {"via": form.via} if isinstance(form, ByLink) else {}
    sent = _sent(room, number)
    if form.happened_at is not None and form.happened_at < sent:
        raise Invalid(fields={"happened_at": f"The page went out at {sent:%H:%M:%S} UTC, and no answer lies before it. "
                              "Choose a later time, or leave it empty for now."})  # fmt: skip
    # Whoever answers has answered: their other pages here are acknowledged with it.
    room.add("page.acknowledged", {"page": number, **via}, happened_at=form.happened_at)
    if room.state["pages"][str(number)]["call"] == "hand" or room.state["owner"] != room.by.pk:
        return f"Acknowledged. {room.record.key} knows that you are on it."
    return f"Acknowledged. You own {room.record.key} until it is declared and an Incident Commander takes it."


def _sent(room: Room, number: int) -> datetime:
    """When a page went out; one that waits for working hours can be answered from now on."""
    return min(moment(room.state["pages"][str(number)]["at"]), room.now)


def _latest(room: Room) -> int | None:
    """The page asked for when nobody names one and the person has none: the one refusal that says it best."""
    return max((int(number) for number in room.state["pages"]), default=None)


@act("pages", Right.PAGE, PageForm, "page.sent")
def page_by_hand(room: Room, form: PageForm) -> str:
    """Wake one person now. It has an acknowledge clock and no chain: unanswered, the sender and the IC hear."""
    room.check("page.sent")
    person = room.person(form.person)
    if person.pk == room.by.pk:
        raise Invalid(fields={"person": "You are here already. Choose somebody else to wake."})
    wake(room, person, form.text)
    return f"{person.name} is being paged."


def wake(room: Room, person: User, text: str) -> None:
    """Page one person by hand on the record, with its row, its link and its mail."""
    numbers = pages.numbered(room.state, [person.pk])
    payload = {"pages": [list(each) for each in numbers], "call": "hand", "level": 0}
    room.add("page.sent", payload, texts={"text": text})
    record = room.record
    words = f"{room.by.name} asks for you." + (f" {text}" if text else "")
    planned = pages.plan(
        record.id,
        record.uid,
        record.key,
        record.title,
        numbers,
        "hand",
        0,
        now=room.now,
        sender=room.by.pk,
        text=words,
    )
    room.outgoing += pages.store([planned], now=room.now)


def _of_alert(room: Room, form: AlertEndForm) -> int | None:
    """The entry by which an alert fired or resolved last."""
    known = room.state["alerts"].get(str(form.alert))
    return known["seq"] if known else None


@act("alert-ends", Right.END_IMPACT, AlertEndForm, "alert.resolved", answers=_of_alert)
def end_alert(room: Room, form: AlertEndForm) -> str:
    """End an alert by hand, with a reason: it no longer holds up a resolve; its source may still resolve it."""
    room.check("alert.resolved")
    known = room.state["alerts"].get(str(form.alert))
    if known is None:
        raise Invalid(fields={"alert": "This alert is not one of this incident."})
    if not known["firing"]:
        raise Refused([Block("ALR-07", "This alert does not fire any more, so there is nothing to end.")])
    which = alerts.end(form.alert, incident=room.record.id)
    payload = {"alert": form.alert, "critical": known["critical"], "by_hand": True}
    room.add("alert.resolved", payload, texts={**which, "reason": form.reason})
    return f"{which['name']} is ended by hand. If it fires again it counts as new."

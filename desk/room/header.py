"""r-header and r-state: who is in charge, since when, what is due next, who approves (INC-41, APP-22, ROLE-30)."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from desk.flows.texts import RIGHTS
from desk.room.clocks import next_update
from desk.room.load import Bundle
from desk.room.shapes import Countdown, Header, Link, Severity, State, Status
from desk.room.standing import Standing
from desk.room.words import Words, figure, fixed
from desk.triage import subject
from incidentdesk.kernel.stamps import Stamp, moment
from incidents.protocol import Protocol, Reading
from incidents.protocol import State as Fold
from incidents.protocol.state import approvers, force, holder
from incidents.sentences import STATUS, seat_label
from people.rights import Right

_REACHED = {
    "open": 1, "investigating": 2, "identified": 2, "mitigating": 3, "monitoring": 4, "resolved": 5, "closed": 5,
}  # fmt: skip
_PHONE = re.compile(r"^\+?[\d ()/-]{5,}$")


def severity(fold: Fold) -> Severity:
    """The severity in force; before the declaration the presumed one."""
    level = force(fold)
    if level is None:
        return Severity(0, "not rated")
    return Severity(level, f"SEV-{level}", presumed=fold["severity"] is None)


def status(fold: Fold, since: datetime | Stamp, words: Words) -> Status:
    """The status with its five pips, and since when; a day that is not today's is named."""
    reached = _REACHED[fold["status"]]
    began = replace(words.at(since), short=words.short(since))
    return Status(STATUS[fold["status"]], tuple(place < reached for place in range(5)), began)


def gaps(protocol: Protocol, fold: Fold) -> tuple[str, ...]:
    """The seats that the severity asks for and nobody holds (ROLE-30)."""
    level = force(fold)
    if level is None or fold["status"] in ("resolved", "closed"):
        return ()
    missing = []
    for role in protocol.severities[level].roles:
        if role == "owner":
            missing += [] if fold["owner"] else ["Owner"]
        elif role not in fold["seats"]:
            missing.append(seat_label(role))
    return tuple(missing)


def approver(fold: Fold, words: Words) -> tuple[str, bool]:
    """Who decides on changes now, and whether that is the viewer; the standing authority is always named (APP-22)."""
    commander = fold["seats"].get("ic")
    if commander is None and force(fold) in (1, 2, None):
        return "", False
    chain = approvers(fold, 0)
    if not chain:
        return "", False
    return words.name(chain[0]), words.viewer in chain


def approves(fold: Fold, words: Words) -> str:
    """The sentence of the header."""
    name, _ = approver(fold, words)
    if not name:
        return (
            "Nobody can approve: no IC"
            if holder(fold, "ic") is None
            else "Nobody can approve: IC away, no deputy"
        )
    why = " while the IC is away" if fold["seats"].get("ic", {}).get("away") else ""  # type: ignore[call-overload]  # a missing seat reads as an empty one
    return f"{name} approves changes{why}"


def decides(fold: Fold, words: Words) -> str:
    """The sentence over the approvals."""
    name, mine = approver(fold, words)
    if not name:
        return "Nobody can decide: no IC" if holder(fold, "ic") is None else "Nobody can decide: IC away"
    return "You decide" if mine else f"{name} decides"


def ic_note(fold: Fold, words: Words) -> str:
    """What is to be known of the commander: you, away, on the way out."""
    held = fold["seats"].get("ic")
    if held is None:
        return ""
    notes = ["you"] if held["user"] == words.viewer else []
    if held.get("away"):
        notes.append("away")
    offer = fold["offers"].get("ic")
    if offer:
        notes.append(f"offered to {words.name(offer['to'])}")
    return ", ".join(notes)


def bridge_text(bundle: Bundle) -> str:
    """The bridge's link, number or room; nothing while it is not open."""
    opened = bundle.last("bridge.opened")
    return str(opened.texts.get("link", "")) if opened and bundle.state["bridge"] else ""


def bridge(bundle: Bundle, here: Standing) -> Link | None:
    """The bridge for those who may see it (RBAC-21); only a web address or a number becomes a link."""
    text = bridge_text(bundle) if here.may(Right.SEE_BRIDGE) else ""
    if not text:
        return None
    if text.lower().startswith(("https://", "http://")):
        return Link(text, "Bridge", "video")
    if _PHONE.match(text):
        return Link("tel:" + re.sub(r"[^\d+]", "", text), f"Bridge: {text}", "phone")
    return Link("#r-roster", f"Bridge: {text}", "video")


def elapsed(fold: Fold, words: Words) -> Countdown:
    """Since the alert; once it is resolved, how long it took."""
    at = words.at(fold["alert"])
    resolved = fold["milestones"].get("resolved")
    if fold["status"] in ("resolved", "closed"):
        end = resolved["at"] if resolved else None
        took = (moment(end) - moment(fold["alert"])).total_seconds() if end else words.since(fold["alert"])
        return fixed("Alert to resolved" if end else "Since alert", figure(took), at)
    return words.running("Since alert", fold["alert"])


def header(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> Header:
    """The head of the page."""
    fold, incident = bundle.state, bundle.incident
    commander = holder(fold, "ic")
    mine = [seat_label(seat) for seat, held in fold["seats"].items() if held["user"] == words.viewer]
    moved = bundle.last("status.moved")
    return Header(
        key=incident.key,
        title=subject(incident.title),
        severity=severity(fold),
        status=status(fold, moved.happened if moved else fold["opened"], words),
        drill=incident.kind == "drill",
        ic=words.person(commander),
        ic_note=ic_note(fold, words),
        owner=words.person(fold["owner"]),
        approver="" if here.over else approves(fold, words),
        gaps=gaps(bundle.protocol, fold),
        elapsed=elapsed(fold, words),
        next_update=next_update(readings, bundle.protocol, words),
        bridge=bridge(bundle, here),
        you=f"You are {', '.join(mine)}" if mine else "",
        may_update=may_update(here),
    )


def may_update(here: Standing) -> bool:
    """Whether the viewer may write to any audience."""
    return not here.closed and any(here.may(right) for right in RIGHTS.values())


def waiting(fold: Fold) -> int:
    """How many changes wait for an answer."""
    return sum(change["state"] in ("proposed", "asked") for change in fold["changes"].values())


def state(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> State:
    """The hidden element that the scripts read."""
    fold = bundle.state
    objective = bundle.last("objective.set")
    due = next_update(readings, bundle.protocol, words)
    wait = any(
        change["state"] == "proposed" and here.answers(number) for number, change in fold["changes"].items()
    )
    loud = (
        "The next update is late."
        if due.look == "late"
        else "An approval is waiting for you."
        if wait
        else ""
    )
    late = f"(!) {due.text} " if due.look == "late" else ""
    return State(
        rev=bundle.incident.rev,
        title=f"{late}{bundle.incident.key} {subject(bundle.incident.title)}",
        loud=loud,
        status=fold["status_seq"],
        severity=fold["severity_seq"],
        objective=objective.seq if objective else 0,
        owner=fold.get("owner_seq", 0),  # not in a state that an older fold stored
        waiting=waiting(fold),
        seq=fold["seq"],
        redacted=fold["redacted"],
        bridge=bridge_text(bundle) if here.may(Right.SEE_BRIDGE) else "",
    )

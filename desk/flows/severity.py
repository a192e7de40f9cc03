"""Severity after the declaration: the IC changes it, others propose (SEV-18, -19, -23)."""

from desk.flows.act import act
from desk.flows.opening import major
from desk.flows.room import Room
from desk.forms.incident import OwnerForm, ProposeSeverityForm, SeverityForm
from incidentdesk.kernel.errors import Invalid
from incidents.protocol.state import holder
from people.rights import Right


def _of_severity(room: Room, form: SeverityForm) -> int:
    return room.state["severity_seq"]


def _of_owner(room: Room, form: OwnerForm) -> int:
    return room.state["owner_seq"]


@act("severity", Right.SET_SEVERITY, SeverityForm, "severity.set", answers=_of_severity)
def severity(room: Room, form: SeverityForm) -> str:
    """Change the severity; it is announced, and every clock follows."""
    room.check("severity.set", to=form.severity)
    before = room.state["severity"]
    if form.severity == before:
        raise Invalid(fields={"severity": f"The incident is SEV-{before} already."})
    room.add(
        "severity.set", {"from": before, "to": form.severity, "announce": True}, texts={"reason": form.reason}
    )
    changed = room.last
    writer = holder(room.state, "comms") or holder(room.state, "ic") or room.state["owner"]
    room.add("draft.prepared", {"why": "severity", "to": ["responders", "clients", "public"]}, desk=True)
    room.tell(room.everyone(), f"severity SEV-{form.severity}, before SEV-{before}",
              f"{room.by.name} changed the severity: {form.reason}", key=f"severity:{changed.seq}")  # fmt: skip
    room.tell([writer], f"now SEV-{form.severity}: announce it",
              f"{room.by.name} changed the severity from SEV-{before} to SEV-{form.severity}: {form.reason}\n"
              "An update is due now.", key=f"announce:{changed.seq}")  # fmt: skip
    if form.severity <= 2 < (before or 4):
        major(room)
    room.last = changed
    return f"The incident is SEV-{form.severity} now."


@act("severity-proposals", Right.PROPOSE_SEVERITY, ProposeSeverityForm, "severity.proposed")
def severity_proposals(room: Room, form: ProposeSeverityForm) -> str:
    """Propose another severity to the IC."""
    room.check("severity.proposed")
    room.add("severity.proposed", {"to": form.severity}, texts={"reason": form.reason})
    room.tell([holder(room.state, "ic") or room.state["owner"]], f"SEV-{form.severity} proposed",
              f"{room.by.name} proposes SEV-{form.severity}: {form.reason}", key=f"proposed:{room.last.seq}")  # fmt: skip
    return f"SEV-{form.severity} is proposed; the Incident Commander decides."


@act("owners", Right.ASSIGN, OwnerForm, "owner.named", answers=_of_owner)
def owners(room: Room, form: OwnerForm) -> str:
    """Name the owner of the incident."""
    room.check("owner.named")
    person = room.person(form.person)
    room.add("owner.named", {"user": person.pk})
    return f"{person.name} owns the incident now."

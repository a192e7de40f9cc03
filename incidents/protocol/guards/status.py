"""What must hold before a status, and before an act at all: declared, led, found, not over."""

from incidentdesk.kernel.errors import Block
from incidents.protocol.guards.asking import Ask, guard
from incidents.protocol.state import ended, holder


@guard("severity set")
def _severity_set(ask: Ask) -> Block | None:
    if ask.state["severity"] is not None:
        return None
    return Block("GATE-25", "This incident has no severity yet. Declare it first.")


@guard("declared")
def _declared(ask: Ask) -> Block | None:
    if ask.state["severity"] is not None:
        return None
    return Block("SEV-18", "This incident is not declared yet. Declaring sets the severity.")


@guard("not declared")
def _not_declared(ask: Ask) -> Block | None:
    if ask.state["severity"] is None:
        return None
    return Block("INC-08", f"This incident is declared already, as SEV-{ask.state['severity']}. The Incident Commander can change that.")  # fmt: skip


@guard("ic present")
def _ic_present(ask: Ask) -> Block | None:
    if not ask.major or holder(ask.state, "ic") is not None:
        return None
    return Block(
        "ROLE-04", "SEV-1 and SEV-2 need an Incident Commander first. Take the seat or ask somebody to."
    )


@guard("reason given")
def _reason(ask: Ask) -> Block | None:
    if ask.act.fields.get("note"):
        return None
    return Block("INC-10", "This step needs a reason. Write one line and send it again.")


@guard("no customer hit")
def _no_hit(ask: Ask) -> Block | None:
    if not ask.state["hit"]:
        return None
    return Block("INC-10", "Customers were hit, so this is no false alarm. Resolve it instead.")


@guard("finding with source")
def _finding(ask: Ask) -> Block | None:
    if ask.state["findings"]:
        return None
    return Block(
        "FIND-02", "Identified needs a finding with its source. Log what you saw and where, then move on."
    )


@guard("change approved")
def _change_approved(ask: Ask) -> Block | None:
    ready = {"approved", "started", "finished", "confirmed", "done"}
    if ask.act.fields.get("workaround") or any(c["state"] in ready for c in ask.state["changes"].values()):
        return None
    return Block("APP-07", "Mitigating needs an approved change or a workaround under way. Propose a change, or name the workaround.")  # fmt: skip


@guard("not ended")
def _not_ended(ask: Ask) -> Block | None:
    if not ended(ask.state):
        return None
    return Block("RES-19", f"This incident is {ask.state['status']}. Reopen it first if it has come back.")


@guard("not closed")
def _not_closed(ask: Ask) -> Block | None:
    if ask.state["status"] != "closed":
        return None
    return Block("RES-19", "This incident is closed and its record is read-only. A manager can reopen it.")

"""What must hold before a status, and before an act at all: declared, led, found, not over."""

from incidentdesk.kernel.errors import Block
from incidents.protocol.guards.asking import Ask, guard
from incidents.protocol.state import ChangeState, ended, holder


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
    """An approved change or a workaround is in progress; one that failed or that nobody approved mitigates nothing."""
    if ask.act.fields.get("workaround") or any(_mitigates(c) for c in ask.state["changes"].values()):
        return None
    return Block("APP-07", "Mitigating needs an approved change or a workaround under way. Propose a change, or name the workaround.")  # fmt: skip


def _mitigates(change: ChangeState) -> bool:
    if change["state"] == "confirmed":
        return bool(change.get("effect"))
    return change["state"] in ("approved", "started", "finished") or (
        change["state"] == "done" and not change.get("unauthorised")
    )


@guard("mitigation over")
def _mitigation_over(ask: Ask) -> Block | None:
    """GATE-25: a mitigation that still runs has neither failed nor been reverted."""
    for number, change in ask.state["changes"].items():
        if change["state"] == "started":
            return Block("GATE-25", f"Change {number} is still under way, so the mitigation has not failed yet. "
                         "Finish the change first. The status is unchanged.")  # fmt: skip
        if change["state"] == "finished":
            return Block("GATE-25", f"Nobody has said whether change {number} had an effect. "
                         "Confirm its effect first. The status is unchanged.")  # fmt: skip
    return None


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

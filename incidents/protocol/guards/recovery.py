"""What must hold before an incident is resolved or closed: impact, window, proof, lists, clients."""

from incidentdesk.kernel.errors import Block
from incidentdesk.kernel.stamps import moment
from incidents.protocol.guards.asking import Ask, guard
from incidents.protocol.guards.times import clock_time, span


@guard("impact ended")
def _impact_ended(ask: Ask) -> Block | None:
    intervals = ask.state["impact"]
    if intervals and intervals[-1][1] is not None:
        return None
    return Block(
        "INC-15", "Impact has not ended yet. Mark the end of the impact first; the window runs from there."
    )


@guard("impact not ended")
def _not_over(ask: Ask) -> Block | None:
    intervals = ask.state["impact"]
    if not intervals or intervals[-1][1] is None:
        return None
    at = intervals[-1][1]
    return Block("INC-15", f"The impact ended at {clock_time(at)} already. A bad sample restarts the window; a new impact start reopens it.")  # fmt: skip


@guard("window clean")
def _window(ask: Ask) -> Block | None:
    if not ask.major:
        return None
    run = ask.state["clocks"].get("stabilisation")
    now = run["now"] if run else None
    if now is None:
        return Block("GATE-08", "Resolve needs a clean stabilisation window, and none is running. Mark the end of the impact first.")  # fmt: skip
    left = (moment(now["due"]) - ask.now).total_seconds()
    if left <= 0:
        return None
    return Block("GATE-08", f"Resolve opens at {clock_time(now['due'])}, in {span(left)}: the metrics must stay clean "
                 f"for {now['minutes']:g} minutes. The incident stays in Monitoring.")  # fmt: skip


@guard("proof given")
def _proof(ask: Ask) -> Block | None:
    if ask.act.fields.get("proof"):
        return None
    return Block("GATE-08", "Resolve needs one line of proof that every affected service is green: a reading and where you saw it.")  # fmt: skip


@guard("no firing alert")
def _no_alert(ask: Ask) -> Block | None:
    firing = sum(1 for alert in ask.state["alerts"].values() if alert["firing"] and alert["critical"])
    if not firing:
        return None
    return Block("GATE-08", f"{firing} critical alert{'s are' if firing > 1 else ' is'} still firing. "
                 "Wait until it resolves, or end it by hand with a reason.")  # fmt: skip


@guard("review date")
def _review(ask: Ask) -> Block | None:
    if not ask.major or ask.act.fields.get("review"):
        return None
    return Block("GATE-08", "SEV-1 and SEV-2 are resolved with a date for the review. Choose one; 48 hours is the rule.")  # fmt: skip


@guard("checklist answered")
def _checklist(ask: Ask) -> Block | None:
    answers = {**ask.state["items"], **ask.act.fields.get("items", {})}
    open_items = [item.text for item in ask.protocol.checklists["resolve"] if not answers.get(item.id)]
    if not open_items:
        return None
    return Block(
        "RES-03", f"Not answered yet: {'; '.join(open_items)}. Tick each, or say it was asked and is pending."
    )


@guard("closure checklist")
def _closure(ask: Ask) -> Block | None:
    answers = {**ask.state["items"], **ask.act.fields.get("items", {})}
    open_items = [item.text for item in ask.protocol.checklists["close"] if answers.get(item.id) != "done"]
    if not open_items:
        return None
    return Block("GATE-09", f"Still open on the closure list: {'; '.join(open_items)}.")


@guard("clients confirmed")
def _clients(ask: Ask) -> Block | None:
    silent = [client for client in ask.state["clients"] if client not in ask.state["confirmed"]]
    if not silent or (ask.act.fields.get("note") and "manager" in ask.act.roles):
        return None
    return Block("GATE-09", f"{len(silent)} affected client{'s have' if len(silent) > 1 else ' has'} not confirmed the recovery. "
                 "Enter their answers, or let a manager close it with a reason.")  # fmt: skip

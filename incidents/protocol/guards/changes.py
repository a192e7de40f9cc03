"""Who answers for a production change, and which step of it comes next."""

from incidentdesk.kernel.errors import Block
from incidents.protocol.guards.asking import Ask, guard, standing
from incidents.protocol.state import approvers, force, holder, seat_kind

# From the proposal until it has been carried out or dropped.
OPEN = frozenset({"proposed", "asked", "approved", "started"})


@guard("change waiting")
def _change_waiting(ask: Ask) -> Block | None:
    change = ask.change
    if change and change["state"] in ("proposed", "asked"):
        return None
    return Block(
        "APP-07", f"This change is {change['state'] if change else 'not known'}, so it waits for no answer."
    )


@guard("change not started")
def _not_started(ask: Ask) -> Block | None:
    """Until it has started it can be dropped, also with the approval in hand: nothing has been done yet."""
    change = ask.change
    if change and change["state"] in OPEN - {"started"}:
        return None
    word = change["state"] if change else "not known"
    undo = " Finish it, then propose the way back." if word == "started" else ""
    return Block("APP-07", f"This change is {word}, so it cannot be withdrawn.{undo}")


@guard("change asked")
def _change_asked(ask: Ask) -> Block | None:
    change = ask.change
    if change and change["state"] == "asked":
        return None
    return Block("APP-06", "Nobody has asked about this change, or the question is settled.")


@guard("approver fits")
def _approver(ask: Ask) -> Block | None:
    """GATE-02: the IC; deputy, then managers of the list, when the IC is away or is the requester."""
    change, state, by = ask.change, ask.state, ask.act.by
    if change is None or by in approvers(state, change["requester"], major=change["major"]):
        return None
    commander = holder(state, "ic")
    if commander is None:
        if by == change["requester"] and not ask.major and by == state["owner"]:
            return Block("GATE-02", "The incident has been SEV-1 or SEV-2 since you asked for this change, so you do not approve "
                         "it yourself. Page a second person: they take the seat of Incident Commander and approve.")  # fmt: skip
        return Block("ROLE-04", "Nobody is Incident Commander, so nobody can answer for this change. Take the seat; "
                     "alone at night, page a second person: they take it and approve, you carry it out.")  # fmt: skip
    if by == change["requester"]:
        return Block("GATE-02", "Nobody approves their own change. Alone at night, page a second person: "
                     "they take the seat and approve, you carry it out.")  # fmt: skip
    if by != commander and not (state["seats"]["ic"].get("away") or commander == change["requester"]):
        return Block(
            "GATE-02",
            "Only the Incident Commander answers for a change. It stays where it is; ask them in the log.",
        )
    return Block("GATE-02", "The Incident Commander cannot answer for this one: the deputy does, then a manager of the escalation list.")  # fmt: skip


@guard("risk stated")
def _risk(ask: Ask) -> Block | None:
    change = ask.change
    if change is None or change["risk"] or ask.act.fields.get("risk"):
        return None
    return Block("GATE-02", "No risk is stated. What is the risk? Write one line, for example: about 30 s of writes lost. Then approve.")  # fmt: skip


@guard("change startable")
def _startable(ask: Ask) -> Block | None:
    change = ask.change
    if change and change["state"] == "approved":
        return _own_approval(ask)
    if change is None or change["state"] not in ("proposed", "asked"):
        return Block(
            "APP-07",
            f"This change is {change['state'] if change else 'not known'}; only an approved one can be started.",
        )
    help_ = ("Take the seat of Incident Commander or page somebody who does."
             if holder(ask.state, "ic") is None else "The Incident Commander decides; it waits in front of them.")  # fmt: skip
    return Block("GATE-01", f"This change is not approved, so it must not start. {help_}")


def _own_approval(ask: Ask) -> Block | None:
    change = ask.change
    if change is None or not ask.major or change["approver"] != change["requester"]:
        return None
    return Block("GATE-01", f"This change was approved by its requester, which SEV-{force(ask.state)} does not allow. "
                 "Ask the Incident Commander to approve it.")  # fmt: skip


@guard("implementer is not the ic")
def _not_the_ic(ask: Ask) -> Block | None:
    """ROLE-07, at the proposal already."""
    implementer = ask.act.fields.get("implementer")
    if implementer is None or implementer != holder(ask.state, "ic"):
        return None
    return Block("GATE-06", "The Incident Commander does not carry out changes. Name somebody else, or hand over the seat first.")  # fmt: skip


@guard("command apart from changes")
def _apart(ask: Ask) -> Block | None:
    """GATE-06, INC-38: while a change is open nobody is IC who carries it out or holds the seat of an Ops Lead."""
    seat, user = seat_kind(ask.act.fields["seat"]), ask.act.fields.get("user", ask.act.by)
    running = {number: change for number, change in ask.state["changes"].items() if change["state"] in OPEN}
    if seat == "ops" and running and user == holder(ask.state, "ic"):
        return Block("GATE-06", "The Incident Commander cannot also be Ops Lead while a change is open. "
                     "Choose somebody else, or hand over command first.")  # fmt: skip
    if seat != "ic":
        return None
    mine = [number for number, change in running.items() if change["implementer"] == user]
    if mine:
        return Block("GATE-06", f"Change {mine[0]} is open and this person carries it out, so they cannot be Incident Commander. "
                     "Withdraw it, or ask somebody else to take command.")  # fmt: skip
    ops = any(seat_kind(name) == "ops" and held["user"] == user for name, held in ask.state["seats"].items())
    if ops and running:
        return Block("GATE-06", "A change is open, so an Ops Lead cannot also be Incident Commander. "
                     "End the Ops seat first, or ask somebody else to take command.")  # fmt: skip
    return None


@guard("own change")
def _own_change(ask: Ask) -> Block | None:
    """A change is withdrawn by the person who asked for it, or by whoever commands."""
    change = ask.change
    if change is None or ask.act.by == change["requester"] or "ic" in standing(ask.state, ask.act):
        return None
    return Block("APP-01", "Only the person who proposed this change, or the Incident Commander, can withdraw it. The change is unchanged.")  # fmt: skip


@guard("implementer fits")
def _implementer(ask: Ask) -> Block | None:
    if ask.act.by is not None and ask.act.by == holder(ask.state, "ic"):
        return Block("GATE-06", "The Incident Commander does not carry out changes. Hand over the seat, or let somebody else start it.")  # fmt: skip
    change = ask.change
    if change is None or "ops" in standing(ask.state, ask.act) or ask.act.by == change["implementer"]:
        return None
    return Block("GATE-06", "The Ops Lead or the person named to carry it out starts this change.")


@guard("change running")
def _running(ask: Ask) -> Block | None:
    change = ask.change
    if change and change["state"] == "started":
        return None
    return Block(
        "APP-07",
        f"This change is {change['state'] if change else 'not known'}; only a started one can be finished.",
    )


@guard("change finished")
def _finished(ask: Ask) -> Block | None:
    change = ask.change
    if change and change["state"] in ("finished", "done"):
        return None
    return Block("APP-07", f"This change is {change['state'] if change else 'not known'}; its effect is confirmed after it is finished.")  # fmt: skip


@guard("change not begun")
def _not_begun(ask: Ask) -> Block | None:
    change = ask.change
    if change is None or change["state"] not in ("started", "finished", "confirmed", "done"):
        return None
    return Block("APP-07", f"This change is {change['state']} already.")

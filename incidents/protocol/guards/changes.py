"""Who answers for a production change, and which step of it comes next."""

from incidentdesk.kernel.errors import Block
from incidents.protocol.guards.asking import Ask, guard, standing
from incidents.protocol.state import holder


@guard("change waiting")
def _change_waiting(ask: Ask) -> Block | None:
    change = ask.change
    if change and change["state"] in ("proposed", "asked"):
        return None
    return Block(
        "APP-07", f"This change is {change['state'] if change else 'not known'}, so it waits for no answer."
    )


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
    if change is None:
        return None
    commander = holder(state, "ic")
    if commander is None:
        if not ask.major and by == state["owner"]:
            return None
        return Block("ROLE-04", "Nobody is Incident Commander, so nobody can answer for this change. Take the seat; "
                     "alone at night, page a second person: they take it and approve, you carry it out.")  # fmt: skip
    if by == change["requester"]:
        return Block("GATE-02", "Nobody approves their own change. Alone at night, page a second person: "
                     "they take the seat and approve, you carry it out.")  # fmt: skip
    if by == commander:
        return None
    stand_in = state["seats"]["ic"].get("away") or commander == change["requester"]
    if not stand_in:
        return Block(
            "GATE-02",
            "Only the Incident Commander answers for a change. It stays where it is; ask them in the log.",
        )
    if by == holder(state, "deputy") or by in state["managers"]:
        return None
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
        return None
    if change is None or change["state"] not in ("proposed", "asked"):
        return Block(
            "APP-07",
            f"This change is {change['state'] if change else 'not known'}; only an approved one can be started.",
        )
    help_ = ("Take the seat of Incident Commander or page somebody who does."
             if holder(ask.state, "ic") is None else "The Incident Commander decides; it waits in front of them.")  # fmt: skip
    return Block("GATE-01", f"This change is not approved, so it must not start. {help_}")


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

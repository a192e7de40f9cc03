"""Why an act is refused now: gate ids with sentences, in the order permission, step, guards.

The permission itself is asked by the flow (`people.rights`); here stand the rules that depend on the incident.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from incidentdesk.kernel.errors import Block
from incidentdesk.kernel.stamps import Stamp, moment, stamp
from incidents.protocol import clocks
from incidents.protocol.definition import Protocol
from incidents.protocol.state import ChangeState, State, ended, force, holder


@dataclass(frozen=True)
class Act:
    """An act that somebody wants to do: its entry kind, the person, their roles in the organisation, its fields."""

    kind: str
    by: int | None
    roles: frozenset[str] = frozenset()
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ask:
    """What a guard looks at."""

    protocol: Protocol
    state: State
    act: Act
    now: datetime

    @property
    def major(self) -> bool:
        """Whether SEV-1 or SEV-2 is in force."""
        return force(self.state) in (1, 2)

    @property
    def change(self) -> ChangeState | None:
        """The change the act speaks of."""
        return self.state["changes"].get(str(self.act.fields.get("change")))


Guard = Callable[[Ask], Block | None]
GUARDS: dict[str, Guard] = {}


def guard(name: str) -> Callable[[Guard], Guard]:
    """Register the function behind a word of `needs`."""

    def register(function: Guard) -> Guard:
        GUARDS[name] = function
        return function

    return register


def clock_time(at: Stamp) -> str:
    """A stamp as people read it: `03:30:00 UTC`."""
    return f"{moment(at):%H:%M:%S} UTC"


def span(seconds: float) -> str:
    """A length of time as people read it: `0:01`, `12:30`, `1:02:03`."""
    whole = int(seconds) + (seconds > int(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def standing(state: State, act: Act) -> frozenset[str]:
    """What a person is in this incident, in the words of the status table.

    On SEV-3 and SEV-4 without an IC the owner has the IC's rights (ROLE-30).
    """
    words = {seat.split(".")[0] for seat, held in state["seats"].items() if held["user"] == act.by}
    if act.by is not None and act.by == state["owner"]:
        words.add("owner")
        if holder(state, "ic") is None and force(state) in (3, 4):
            words.add("ic")
    if act.by in state["ladder"]:
        words.add("ladder")
    if "manager" in act.roles:
        words.add("manager")
    return frozenset(words)


def blockers(protocol: Protocol, state: State, act: Act, now: datetime) -> list[Block]:
    """Every reason why `act` is refused at `now` (aware UTC); empty means it may be done."""
    ask = Ask(protocol, state, act, now)
    if act.kind == "status.moved":
        return _move(ask)
    rule = protocol.rules.get(act.kind) or protocol.rules.get("*")
    found = [GUARDS[need](ask) for need in rule.needs] if rule else []
    return [block for block in found if block is not None]


def _move(ask: Ask) -> list[Block]:
    source, to = ask.state["status"], ask.act.fields["to"]
    move = ask.protocol.moves.get((source, to))
    level = force(ask.state)
    if move is None or (level is not None and level not in move.severities):
        skips = to == "resolved" and ask.major and source in ("investigating", "identified", "mitigating")
        if skips:
            return [Block("GATE-10", f"{_status(source)} cannot go straight to Resolved on SEV-{level}: "
                          "move it to Monitoring first and let the window pass. The status is unchanged.")]  # fmt: skip
        onward = sorted(step for begin, step in ask.protocol.moves if begin == source)
        return [Block("GATE-25", f"{_status(source)} cannot become {_status(to)}. "
                      f"From here it can become {', '.join(map(_status, onward)) or 'nothing else'}.")]  # fmt: skip
    found = []
    if not standing(ask.state, ask.act) & set(move.who):
        found.append(_who(ask, move.who, to))
    found += [block for need in move.needs if (block := GUARDS[need](ask)) is not None]
    return found


def _who(ask: Ask, who: tuple[str, ...], to: str) -> Block:
    if "ic" in who and ask.major and holder(ask.state, "ic") is None:
        return Block("ROLE-04", f"Nobody is Incident Commander, so nobody can move this to {_status(to)}. "
                     "Take the seat, then do it again.")  # fmt: skip
    words = {"ic": "the Incident Commander", "owner": "the owner", "ops": "the Ops Lead", "manager": "a manager",
             "ladder": "somebody on call"}  # fmt: skip
    gate = "GATE-05" if to == "resolved" else "GATE-25"
    return Block(gate, f"Only {' or '.join(words[each] for each in who)} moves this incident to {_status(to)}. "
                 "The status is unchanged; ask them in the log.")  # fmt: skip


def _status(status: str) -> str:
    return status.capitalize()


@guard("severity set")
def _severity_set(ask: Ask) -> Block | None:
    if ask.state["severity"] is not None:
        return None
    return Block("GATE-25", "This incident has no severity yet. Declare it first.")


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


@guard("impact ended")
def _impact_ended(ask: Ask) -> Block | None:
    intervals = ask.state["impact"]
    if intervals and intervals[-1][1] is not None:
        return None
    return Block(
        "INC-15", "Impact has not ended yet. Mark the end of the impact first; the window runs from there."
    )


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
    if not ask.major or ask.act.fields.get("proof"):
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
    if not ask.major:
        return None
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


@guard("seat free")
def _seat_free(ask: Ask) -> Block | None:
    seat = ask.act.fields["seat"]
    held = ask.state["seats"].get(seat)
    if held is None:
        return None
    gate = "GATE-07" if seat == "ic" else "ROLE-02"
    if held["user"] == ask.act.by:
        return Block(gate, "You hold this seat already.")
    return Block(
        gate, "This seat is taken. Ask the holder to hand it over, or the Incident Commander to change it."
    )


@guard("seat held")
def _seat_held(ask: Ask) -> Block | None:
    if ask.act.fields["seat"] in ask.state["seats"]:
        return None
    return Block("ROLE-01", "Nobody holds this seat now, so there is nothing to hand over or end.")


@guard("offered to me")
def _offered(ask: Ask) -> Block | None:
    offer = ask.state["offer"]
    if offer and offer["to"] == ask.act.by and offer["seat"] == ask.act.fields.get("seat"):
        return None
    return Block("ROLE-03", "This handover is not offered to you any more. The seat is unchanged.")


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


@guard("impact not ended")
def _not_over(ask: Ask) -> Block | None:
    intervals = ask.state["impact"]
    if not intervals or intervals[-1][1] is None:
        return None
    at = intervals[-1][1]
    return Block("INC-15", f"The impact ended at {clock_time(at)} already. A bad sample restarts the window; a new impact start reopens it.")  # fmt: skip


@guard("next time within cadence")
def _next_time(ask: Ask) -> Block | None:
    """CLK-15: the next time is named and cannot be later than the cadence allows."""
    promised = ask.act.fields.get("next")
    if ended(ask.state):
        return None
    limits = {}
    for clock in ask.protocol.clocks:
        limit = clock.limit(force(ask.state)) if clock.kind == "cadence" else None
        if limit is not None and clock.audience in ask.act.fields.get("to", ()):
            limits[clock.label] = clocks.after(ask.protocol, ask.state, clock, stamp(ask.now), limit)
    if not limits:
        return None
    latest = min(limits.values())
    if promised and stamp(ask.now) < promised <= latest:
        return None
    if promised and promised <= stamp(ask.now):
        return Block(
            "CLK-15", "The next update cannot be promised for a time that has passed. Your text is kept."
        )
    return Block(
        "CLK-15", f"The next update must be named, at {clock_time(latest)} or sooner. Your text is kept."
    )


@guard("page waits")
def _page_waits(ask: Ask) -> Block | None:
    page = ask.state["pages"].get(str(ask.act.fields.get("page")))
    if page is None:
        return Block("ALR-04", "There is no such page on this incident.")
    if "acked" not in page:
        return None
    return Block(
        "ALR-04", f"This page was acknowledged at {clock_time(page['acked'])}. Nothing else is asked of you."
    )

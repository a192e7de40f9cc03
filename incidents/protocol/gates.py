"""Why an act is refused now: gate ids with sentences, in the order permission, step, guards.

The permission itself is asked by the flow (`people.rights`); here stand the rules that depend on the incident.
"""

from collections.abc import Iterable
from datetime import datetime

from incidentdesk.kernel.errors import Block
from incidents.protocol.definition import Move, Protocol
from incidents.protocol.guards.asking import GUARDS, Act, Ask, standing
from incidents.protocol.state import State, force, holder

# What no protocol can leave out: who proposes, approves, commands and carries out stay apart, and nothing is answered
# that does not wait. A protocol may ask for more, in its own order. A move is named by the status it leads to, or by both.
LAWS: dict[str, tuple[str, ...]] = {
    "seat.claimed": ("seat free", "qualified", "command apart from changes"),
    "seat.named": ("command apart from changes",),
    "seat.offered": ("seat held",),
    "seat.accepted": ("offered to me", "command apart from changes"),
    "seat.declined": ("offered to me",),
    "seat.ended": ("seat held",),
    "severity.proposed": ("declared", "not ended"),
    "seat.acknowledged": ("own seat",),
    "ic.acknowledged": ("ic there",),
    "ic.away": ("ic there",),
    "bridge.opened": ("bridge closed",),
    "bridge.joined": ("bridge open",),
    "change.proposed": ("implementer is not the ic",),
    "change.approved": ("change waiting", "approver fits", "risk stated"),
    "change.rejected": ("change waiting", "approver fits"),
    "change.asked": ("change waiting", "approver fits"),
    "change.replied": ("change asked",),
    "change.started": ("change startable", "implementer fits"),
    "change.finished": ("change running",),
    "change.confirmed": ("change finished",),
    "change.done": ("change not begun",),
    "change.withdrawn": ("change not started", "own change"),
    "declared": ("not declared",),
    "page.acknowledged": ("page waits",),
    "mitigating > investigating": ("mitigation over",),
    "> resolved": ("impact ended", "window clean", "proof given", "no firing alert", "review date", "checklist answered"),
}  # fmt: skip


def blockers(protocol: Protocol, state: State, act: Act, now: datetime) -> list[Block]:
    """Every reason why `act` is refused at `now` (aware UTC); empty means it may be done."""
    ask = Ask(protocol, state, act, now)
    if act.kind == "status.moved":
        return _move(ask)
    rule = protocol.rules.get(act.kind) or protocol.rules.get("*")
    return _against(ask, rule.needs if rule else (), LAWS.get(act.kind, ()))


def needs_of(move: Move) -> tuple[str, ...]:
    """The words of all guards that a step of the status table asks: the protocol's, then those of every protocol."""
    laws = (*LAWS.get(f"{move.source} > {move.to}", ()), *LAWS.get(f"> {move.to}", ()))
    return tuple(dict.fromkeys((*move.needs, *laws)))


def _against(ask: Ask, needs: Iterable[str], laws: Iterable[str] = ()) -> list[Block]:
    found = [GUARDS[need](ask) for need in dict.fromkeys((*needs, *laws))]
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
    return [*found, *_against(ask, needs_of(move))]


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

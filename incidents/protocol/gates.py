"""Why an act is refused now: gate ids with sentences, in the order permission, step, guards.

The permission itself is asked by the flow (`people.rights`); here stand the rules that depend on the incident.
"""

from datetime import datetime

from incidentdesk.kernel.errors import Block
from incidents.protocol.definition import Protocol
from incidents.protocol.guards.asking import GUARDS, Act, Ask, standing
from incidents.protocol.state import State, force, holder


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

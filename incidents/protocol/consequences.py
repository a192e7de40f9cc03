"""What an act brings about by itself; each consequence is an entry of its own (decisions: before anybody declared)."""

from incidents.protocol.definition import Protocol
from incidents.protocol.guards.asking import Act, standing
from incidents.protocol.state import Draft, Entry, State, ended, force, holder


def consequences(protocol: Protocol, state: State, entry: Entry) -> list[Draft]:
    """The entries that follow from `entry`, given the state after it; the desk is their author."""
    found: list[Draft] = []
    status = state["status"]
    if status == "open" and state["severity"] is not None and _led(state):
        found.append(_move(state, "investigating", entry))
    if entry.kind == "change.started" and status in ("investigating", "identified"):
        found.append(_move(state, "mitigating", entry))
    if entry.kind == "impact.ended" and status == "mitigating" and _commands(state, entry):
        found.append(_move(state, "monitoring", entry))
    if entry.kind == "alert.fired" and entry.payload.get("again") and status == "monitoring":
        found.append(_move(state, "investigating", entry))
    return found


def _led(state: State) -> bool:
    """SEV-1 and SEV-2 are led by an IC, the others by their owner."""
    return holder(state, "ic") is not None if force(state) in (1, 2) else state["owner"] is not None


def _commands(state: State, entry: Entry) -> bool:
    return "ic" in standing(state, Act(entry.kind, entry.by))


def _move(state: State, to: str, entry: Entry) -> Draft:
    return Draft("status.moved", {"from": state["status"], "to": to, "because": entry.seq})


def implied(state: State, by: int | None) -> list[Draft]:
    """What doing anything at all says first: a paged person who acts has acknowledged the page."""
    if by is None or ended(state):
        return []
    return [
        Draft("page.acknowledged", {"page": int(number), "via": "act"}, by=by)
        for number, page in state["pages"].items()
        if page["user"] == by and "acked" not in page
    ]

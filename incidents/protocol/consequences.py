"""What an act brings about by itself; each consequence is an entry of its own (decisions: before anybody declared)."""

from datetime import datetime

from incidentdesk.kernel.stamps import moment
from incidents.protocol.definition import Protocol
from incidents.protocol.guards.asking import Act, standing
from incidents.protocol.match import NO_ACT
from incidents.protocol.state import Draft, Entry, PageState, State, force, holder


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
    if force(state) in (1, 2):
        found += _lapses(state, entry)
    return found


def _lapses(state: State, entry: Entry) -> list[Draft]:
    """On SEV-1 and SEV-2 nobody's own approval stands, unless the change has started already (APP-04)."""
    return [
        Draft("change.lapsed", {"change": int(number), "because": entry.seq})
        for number, change in state["changes"].items()
        if change["state"] == "approved" and change["approver"] == change["requester"]
    ]


def _led(state: State) -> bool:
    """SEV-1 and SEV-2 are led by an IC, the others by their owner."""
    return holder(state, "ic") is not None if force(state) in (1, 2) else state["owner"] is not None


def _commands(state: State, entry: Entry) -> bool:
    return "ic" in standing(state, Act(entry.kind, entry.by))


def _move(state: State, to: str, entry: Entry) -> Draft:
    return Draft("status.moved", {"from": state["status"], "to": to, "because": entry.seq})


def implied(state: State, draft: Draft, now: datetime) -> list[Draft]:
    """What doing anything at all says first: a paged person who acts has acknowledged each page that waits for them.

    It happened when the act happened, not before the page went out. `now` is aware UTC.
    """
    if draft.by is None or draft.kind in NO_ACT:
        return []
    answered = str(draft.payload["page"]) if draft.kind == "page.acknowledged" else ""
    return [
        Draft(
            "page.acknowledged", {"page": int(number), "via": "act"}, draft.by, _not_before(page, draft, now)
        )
        for number, page in state["pages"].items()
        if page["user"] == draft.by and "acked" not in page and number != answered
    ]


def _not_before(page: PageState, draft: Draft, now: datetime) -> datetime | None:
    if draft.happened_at is None:
        return None
    return max(
        draft.happened_at, min(moment(page["at"]), now)
    )  # one that waits for opening can be answered now

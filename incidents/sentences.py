"""Every entry in one sentence, for the timeline, the record and messages.

Names come in as plain maps; nothing here asks the database.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from incidentdesk.kernel.stamps import moment

Names = Mapping[int, str]
Payload = Mapping[str, Any]

SEATS = {
    "ic": "Incident Commander", "deputy": "Deputy", "ops": "Ops Lead", "ops2": "Second Ops Lead",
    "comms": "Comms Lead", "scribe": "Scribe",
}  # fmt: skip
ESCALATED = {
    "l3": "the third level",
    "leadership": "senior leadership",
    "vendor": "the vendor",
    "team": "another team",
}
STATUS = {
    "open": "Open", "investigating": "Investigating", "identified": "Identified", "mitigating": "Mitigating",
    "monitoring": "Monitoring", "resolved": "Resolved", "closed": "Closed",
}  # fmt: skip


def seat_label(seat: str) -> str:
    """A seat in words: `Ops Lead`, `SME, database`."""
    return SEATS.get(seat) or f"SME, {seat.partition('.')[2]}"


def utc(stamp: Any) -> str:
    """An instant as messages and the API say it."""
    return f"{moment(stamp):%H:%M:%S} UTC"


@dataclass(frozen=True)
class Told:
    """One entry with what its sentence needs: people's names, clocks' labels, its texts, how instants are said."""

    payload: Payload
    who: str = "The desk"
    users: Names = field(default_factory=dict)
    clocks: Mapping[str, str] = field(default_factory=dict)
    services: Names = field(default_factory=dict)
    clients: Names = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    at: Callable[[Any], str] = utc

    def user(self, name: str = "user") -> str:
        """The name of a person in the payload."""
        return self.users.get(self.payload.get(name) or 0, "somebody")

    def people(self, ids: Any) -> str:
        """Several names in words."""
        return ", ".join(self.users.get(each, "somebody") for each in ids) or "nobody"

    def clock(self) -> str:
        """The label of the clock in the payload."""
        return self.clocks.get(str(self.payload.get("clock")), str(self.payload.get("clock")))


def sentence(kind: str, told: Told) -> str:
    """The entry as one sentence that stands alone; unknown kinds say their name."""
    words = WORDS.get(kind)
    return f"{told.who}: {kind}." if words is None else words(told)


READERS = {"public": "the public"}


def readers(audiences: Iterable[str]) -> str:
    """Audiences in words: `responders`, `clients and the public`."""
    names = [READERS.get(each, each) for each in audiences]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def past_tense(kind: str, payload: Payload) -> str:
    """The act in words that follow a name: "resolved it", "moved it to Monitoring" (409 sentences)."""
    if kind == "status.moved":
        to = payload["to"]
        return {"resolved": "resolved it", "closed": "closed it"}.get(to, f"moved it to {STATUS[to]}")
    return DONE.get(kind, "changed it").format_map(
        {**payload, "seat": seat_label(str(payload.get("seat", "")))}
    )


DONE = {
    "severity.set": "changed the severity to SEV-{to}", "declared": "declared it as SEV-{severity}",
    "opened": "opened it", "seat.claimed": "took the seat {seat}", "seat.named": "named somebody for the seat {seat}",
    "seat.accepted": "took over the seat {seat}", "seat.ended": "ended the term in the seat {seat}",
    "change.approved": "approved it", "change.lapsed": "took back the approval because the severity rose", "change.rejected": "rejected it", "change.asked": "asked about it",
    "change.replied": "replied to the question", "change.started": "started it", "change.finished": "finished it",
    "change.confirmed": "confirmed its effect", "change.done": "logged it as done", "change.withdrawn": "withdrew it",
    "seat.offered": "offered the seat {seat} with another brief", "theory.settled": "settled the theory",
    "corrected": "corrected the entry", "item.ticked": "answered that line", "scope.set": "stated the scope",
    "alert_time.corrected": "corrected the alert's time", "impact.started": "stated when the impact began",
    "impact.ended": "stamped the end of the impact", "impact.withdrawn": "withdrew the end of the impact",
    "alert.fired": "recorded that the alert fires again", "alert.resolved": "recorded the end of the alert",
    "update.sent": "sent update {update}",
    "change.proposed": "proposed it", "objective.set": "set another objective", "owner.named": "named another owner",
}  # fmt: skip


def _opened(t: Told) -> str:
    by = {"alert": "An alert opened this record", "hand": f"{t.who} opened this record"}
    return f"{by.get(t.payload['source'], 'This record was opened')}; the alert fired at {t.at(t.payload['alert'])}."


def _declared(t: Told) -> str:
    below = f", below the suggested SEV-{t.payload['suggested']}" if t.payload.get("below") else ""
    return f"{t.who} declared the incident as SEV-{t.payload['severity']}{below}."


def _alert(t: Told) -> str:
    again = "fired again" if t.payload.get("again") else "fired"
    level = "critical" if t.payload.get("critical") else "warning"
    name = t.texts.get("name") or "An alert"
    if t.payload.get("withdrawn"):
        return f"{name} ({level}) is still firing. Its source withdrew the resolve."
    return f"{name} ({level}) {again}."


def _alert_over(t: Told) -> str:
    name = t.texts.get("name") or "An alert"
    if t.payload.get("by_hand"):
        return f"{t.who} ended {name} by hand; it no longer holds up the resolve."
    if t.payload.get("superseded"):
        return f"{name} began anew, so its earlier firing is over."
    return f"{name} resolved; it only proposes that the impact has ended."


def _paged(t: Told) -> str:
    users = t.people(user for _, user in t.payload["pages"])
    how = {"all": "Everybody on the list was paged at once", "hand": f"{t.who} paged {users}"}
    return f"{how.get(t.payload['call'], f'{users} was paged')}."


def _moved(t: Told) -> str:
    to = STATUS[t.payload["to"]]
    if t.payload.get("false_alarm"):
        return f"{t.who} closed this as a false alarm."
    by = f"{t.who} moved the status" if t.who != "The desk" else "The status moved"
    return f"{by} from {STATUS[t.payload['from']]} to {to}."


def _named(t: Told) -> str:
    return f"{t.who} named {t.user()} {seat_label(t.payload['seat'])}."


def _step(t: Told) -> str:
    do, to = t.payload.get("do"), t.payload.get("to") or []
    tells = f" {t.people(to)} {'was' if len(to) == 1 else 'were'} told." if to else ""
    if t.payload.get("call") == "red":
        return "Nobody answered any page. This stays red on every page until somebody does."
    sentences = {
        "remind": f"“{t.clock()}” falls due soon.{tells}",
        "overdue": f"“{t.clock()}” is overdue.{tells}",
        "unanswered": f"A page was not answered in time.{tells}",
        "page_next": "Nobody answered, so the paging goes on.",
        "offer_declaration": f"Triage took its time; declaring is offered.{tells}",
        "window_open": f"The stabilisation window passed clean.{tells}",
    }
    return sentences.get(str(do), f"{t.clock()}: {do}.")


def _rolled(t: Told) -> str:
    missed = t.payload.get("missed", 1)
    return f"“{t.clock()}” was missed{f' {missed} times' if missed > 1 else ''}; the next one is overdue."


def _refused(t: Told) -> str:
    gates = ", ".join(t.payload.get("gates", ())) or "a rule"
    return f"{t.who} was refused ({gates}): {t.texts.get('sentence') or 'it is not allowed now.'}"


def _change(verb: str) -> Callable[[Told], str]:
    def words(t: Told) -> str:
        return f"{t.who} {verb} change {t.payload['change']}."

    return words


def _approved(t: Told) -> str:
    under = t.payload.get("under")
    return f"{t.who} approved change {t.payload['change']}{f' under SEV-{under}' if under else ''}."


def _confirmed(t: Told) -> str:
    seen = "seen" if t.payload["effect"] else "not seen"
    return f"{t.who} confirmed change {t.payload['change']}: the effect was {seen}."


def _update(t: Told) -> str:
    until = f" The next is promised by {t.at(t.payload['next'])}." if t.payload.get("next") else ""
    plain = " (no change)" if t.payload.get("kind") == "no-change" else ""
    return f"{t.who} sent update {t.payload['update']}{plain} to {readers(t.payload['to'])}.{until}"


def _scope(t: Told) -> str:
    services = ", ".join(t.services.get(each, "?") for each in t.payload.get("services", ())) or "unknown"
    clients = ", ".join(t.clients.get(each, "?") for each in t.payload.get("clients", ())) or "none named"
    return f"{t.who} stated the scope: services {services}; clients {clients}."


def _impact(t: Told) -> str:
    parts = [
        f"{t.payload[name]:,.15g}{word}" for name, word in FIGURES.items() if t.payload.get(name) is not None
    ]
    if t.payload.get("worse"):
        parts.append("getting worse" if t.payload["worse"] == "yes" else "not getting worse")
    return f"{t.who} stated the impact{': ' + ', '.join(parts) if parts else ''}."


FIGURES = {
    "users": " users", "percent": "% of users", "revenue": " per hour at risk", "tickets": " support tickets",
    "stuck": " transactions stuck",
}  # fmt: skip


def _by(text: str) -> Callable[[Told], str]:
    """A sentence that needs no more than the author's name."""
    return lambda t: text.format(who=t.who)


WORDS: dict[str, Callable[[Told], str]] = {
    "opened": _opened,
    "declared": _declared,
    "alert.fired": _alert,
    "alert.resolved": _alert_over,
    "page.sent": _paged,
    "page.acknowledged": _by("{who} acknowledged the page."),
    "severity.set": lambda t: (
        f"{t.who} changed the severity from SEV-{t.payload['from']} to SEV-{t.payload['to']}."
    ),
    "severity.proposed": lambda t: f"{t.who} proposed SEV-{t.payload['to']}.",
    "status.moved": _moved,
    "owner.named": lambda t: f"{t.who} named {t.user()} owner.",
    "alert_time.corrected": lambda t: (
        f"{t.who} corrected the alert's time from {t.at(t.payload['from'])} to {t.at(t.payload['to'])}."
    ),
    "scope.set": _scope,
    "impact.stated": _impact,
    "impact.started": lambda t: f"{t.who} stated that the impact began at {t.at(t.payload['at'])}.",
    "impact.ended": _by("{who} stamped the end of the impact."),
    "impact.withdrawn": _by("{who} withdrew the end of the impact."),
    "sample.bad": _by("{who} entered a bad sample."),
    "blast.reported": _by("{who} reported the blast radius."),
    "objective.set": _by("{who} set the objective."),
    "seat.claimed": lambda t: f"{t.who} took the seat {seat_label(t.payload['seat'])}.",
    "seat.named": _named,
    "seat.acknowledged": lambda t: f"{t.who} acknowledged the seat {seat_label(t.payload['seat'])}.",
    "seat.offered": lambda t: f"{t.who} offered the seat {seat_label(t.payload['seat'])} to {t.user()}.",
    "seat.accepted": lambda t: f"{t.who} took over as {seat_label(t.payload['seat'])}.",
    "seat.declined": lambda t: f"{t.who} declined the seat {seat_label(t.payload['seat'])}.",
    "seat.ended": lambda t: f"{t.who} ended the term of {t.user()} as {seat_label(t.payload['seat'])}.",
    "ic.away": lambda t: f"{t.who} marked the Incident Commander {t.user()} away.",
    "ic.back": lambda t: f"{t.who} marked the Incident Commander {t.user()} back.",
    "ic.acknowledged": _by("{who} acknowledged who is in command."),
    "bridge.opened": _by("{who} opened the bridge."),
    "bridge.joined": _by("{who} joined the bridge."),
    "lead.told": _by("{who} told the lead."),
    "finding": _by("{who} logged a finding."),
    "theory": _by("{who} stated a theory."),
    "theory.settled": lambda t: (
        f"{t.who} {'confirmed' if t.payload['as'] == 'confirmed' else 'ruled out'} the theory of entry {t.payload['theory']}."
    ),
    "question": lambda t: f"{t.who} asked{' ' + t.user('to') if t.payload.get('to') else ''} a question.",
    "action": _by("{who} logged an action."),
    "decision": _by("{who} recorded a decision."),
    "nothing": _by("{who} looked and found nothing."),
    "note": _by("{who} noted something."),
    "corrected": lambda t: f"{t.who} corrected entry {t.payload['of']}.",
    "redacted": lambda t: f"{t.who} redacted the text of entry {t.payload['of']}.",
    "escalated": lambda t: f"{t.who} escalated to {ESCALATED.get(t.payload['to'], t.payload['to'])}.",
    "reason": lambda t: f"{t.who} gave a reason for “{t.clock()}”.",
    "client.confirmed": lambda t: (
        f"{t.who} entered that {t.clients.get(t.payload['client'], 'the client')} confirmed recovery."
    ),
    "item.ticked": lambda t: (
        f"{t.who} {'ticked' if t.payload['as'] == 'done' else 'marked as ' + (t.payload['as'] or 'open')} "
        f"“{t.texts.get('item') or t.payload['item']}”."
    ),
    "change.proposed": _change("proposed"),
    "change.approved": _approved,
    "change.lapsed": lambda t: (
        f"The severity rose, so the requester's own approval of change {t.payload['change']} lapsed. It waits again."
    ),
    "change.rejected": _change("rejected"),
    "change.asked": _change("asked about"),
    "change.replied": _change("answered about"),
    "change.started": _change("started"),
    "change.finished": _change("finished"),
    "change.confirmed": _confirmed,
    "change.done": lambda t: f"{t.who} logged change {t.payload['change']} as already made.",
    "change.withdrawn": _change("withdrew"),
    "update.sent": _update,
    "clock.step": _step,
    "clock.rolled": _rolled,
    "refused": _refused,
    "message.dead": _by("A message could not be delivered and was given up."),
    "message.resent": _by("{who} sent a message again that had been given up."),
    "draft.prepared": lambda t: f"A draft for {readers(t.payload.get('to', ()))} is ready.",
}

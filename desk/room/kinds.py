"""How each kind of entry looks, and which regions of the room it can change: two tables."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Look:
    """The filter that finds a kind, its look and its icon."""

    group: str
    look: str
    icon: str


LOOKS: Final[dict[str, Look]] = {
    "opened": Look("status", "quiet", "file-text"),
    "declared": Look("status", "sev", "siren"),
    "alert.fired": Look("alert", "", "bell-ring"),
    "alert.resolved": Look("alert", "", "bell-ring"),
    "page.sent": Look("person", "quiet", "bell-ring"),
    "page.acknowledged": Look("person", "quiet", "check"),
    "severity.set": Look("status", "sev", "chevrons-up"),
    "severity.proposed": Look("status", "", "chevrons-up"),
    "status.moved": Look("status", "", "flag"),
    "owner.named": Look("person", "quiet", "user-round"),
    "alert_time.corrected": Look("alert", "", "clock"),
    "scope.set": Look("finding", "", "target"),
    "impact.stated": Look("finding", "", "users-round"),
    "impact.started": Look("status", "", "play"),
    "impact.ended": Look("status", "decision", "check"),
    "impact.withdrawn": Look("status", "miss", "undo-2"),
    "sample.bad": Look("finding", "miss", "chart-line"),
    "blast.reported": Look("finding", "fact", "target"),
    "objective.set": Look("decision", "decision", "target"),
    "seat.claimed": Look("person", "quiet", "user-round"),
    "seat.named": Look("person", "quiet", "user-round"),
    "seat.acknowledged": Look("person", "quiet", "check"),
    "seat.offered": Look("person", "quiet", "arrow-right-left"),
    "seat.accepted": Look("person", "quiet", "arrow-right-left"),
    "seat.declined": Look("person", "quiet", "x"),
    "seat.ended": Look("person", "quiet", "x"),
    "ic.away": Look("person", "quiet", "pause"),
    "ic.back": Look("person", "quiet", "play"),
    "ic.acknowledged": Look("person", "quiet", "check"),
    "bridge.opened": Look("person", "quiet", "video"),
    "bridge.joined": Look("person", "quiet", "phone"),
    "lead.told": Look("person", "quiet", "megaphone"),
    "finding": Look("finding", "fact", "eye"),
    "theory": Look("theory", "theory", "lightbulb"),
    "theory.settled": Look("theory", "", "scale"),
    "question": Look("question", "", "circle-help"),
    "action": Look("action", "", "play"),
    "decision": Look("decision", "decision", "scale"),
    "nothing": Look("finding", "quiet", "search"),
    "note": Look("note", "", "message-square"),
    "corrected": Look("note", "", "pencil"),
    "escalated": Look("person", "", "chevrons-up"),
    "reason": Look("clock", "", "message-square"),
    "client.confirmed": Look("update", "", "check"),
    "item.ticked": Look("note", "quiet", "list-checks"),
    "change.proposed": Look("change", "", "git-pull-request-arrow"),
    "change.approved": Look("change", "decision", "stamp"),
    "change.rejected": Look("change", "decision", "x"),
    "change.asked": Look("change", "", "circle-help"),
    "change.replied": Look("change", "", "message-square"),
    "change.started": Look("change", "", "play"),
    "change.finished": Look("change", "", "check"),
    "change.confirmed": Look("change", "", "shield-check"),
    "change.done": Look("change", "", "triangle-alert"),
    "change.withdrawn": Look("change", "quiet", "undo-2"),
    "change.lapsed": Look("change", "miss", "undo-2"),
    "update.sent": Look("update", "", "send"),
    "clock.step": Look("clock", "quiet", "timer"),
    "clock.rolled": Look("clock", "miss", "timer"),
    "refused": Look("note", "quiet", "lock"),
    "message.dead": Look("update", "miss", "triangle-alert"),
    "message.resent": Look("update", "quiet", "refresh-cw"),
    "draft.prepared": Look("update", "quiet", "file-text"),
}

TITLES: Final[dict[str, str]] = {
    "opened": "Record opened", "declared": "Declared", "alert.fired": "Alert", "alert.resolved": "Alert resolved",
    "page.sent": "Page", "page.acknowledged": "Page acknowledged", "severity.set": "Severity changed",
    "severity.proposed": "Severity proposed", "status.moved": "Status", "owner.named": "Owner named",
    "alert_time.corrected": "Alert time corrected", "scope.set": "Scope", "impact.stated": "Impact",
    "impact.started": "Impact began", "impact.ended": "Impact ended", "impact.withdrawn": "Impact not over",
    "sample.bad": "Bad sample", "blast.reported": "Blast radius", "objective.set": "Objective",
    "seat.claimed": "Seat taken", "seat.named": "Seat named", "seat.acknowledged": "Seat acknowledged",
    "seat.offered": "Handover offered", "seat.accepted": "Handover accepted", "seat.declined": "Handover declined",
    "seat.ended": "Seat ended", "ic.away": "IC away", "ic.back": "IC back", "ic.acknowledged": "Command acknowledged",
    "bridge.opened": "Bridge opened", "bridge.joined": "On the bridge", "lead.told": "Lead told", "finding": "Finding",
    "theory": "Theory", "theory.settled": "Theory settled", "question": "Question", "action": "Action",
    "decision": "Decision", "nothing": "Nothing found", "note": "Note", "corrected": "Correction",
    "escalated": "Escalated", "reason": "Reason", "client.confirmed": "Client confirms", "item.ticked": "Checklist",
    "change.proposed": "Change proposed:", "change.approved": "Change approved:", "change.rejected": "Change rejected:",
    "change.asked": "Question on change", "change.replied": "Reply on change", "change.started": "Change started:",
    "change.finished": "Change finished:", "change.confirmed": "Effect of change", "change.done": "Change already made:",
    "change.withdrawn": "Change withdrawn:", "change.lapsed": "Approval lapsed, change", "update.sent": "Update", "clock.step": "Clock", "clock.rolled": "Update missed",
    "refused": "Refused", "message.dead": "Not delivered", "message.resent": "Sent again", "draft.prepared": "Draft ready",
}  # fmt: skip

# Which texts of an entry are printed, in which order, under which label; kinds not named print text, note and reason.
TEXTS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "opened": (("symptom", ""),),
    "declared": (("symptom", ""), ("reason", "Reason")),
    "alert.fired": (("summary", ""), ("value", "Value"), ("labels", "Labels")),
    "status.moved": (("note", ""), ("proof", "Proof"), ("workaround", "Workaround")),
    "impact.stated": (("fails", ""), ("error_rate", "Error rate"), ("latency", "Latency"), ("note", "Note")),
    "scope.set": (("regions", "Regions"), ("environments", "Environments"), ("features", "Features"), ("products", "Products")),
    "blast.reported": (("text", ""), ("environments", "Environments"), ("healthy", "Healthy"), ("stuck", "Stuck")),
    "seat.offered": (("brief", ""),),
    "bridge.opened": (("link", ""),),
    "decision": (("text", ""), ("why", "Why")),
    "action": (("text", ""), ("result", "Result")),
    "corrected": (("text", ""), ("reason", "Reason")),
    "change.proposed": (("what", ""), ("target", "Target"), ("risk", "Risk"), ("undo", "Way back")),
    "change.approved": (("note", ""), ("risk", "Risk")),
    "change.replied": (("text", ""), ("risk", "Risk")),
    "change.done": (("what", ""), ("target", "Target"), ("why", "Why"), ("risk", "Risk")),
    "refused": (),
    "item.ticked": (),
    "alert.resolved": (("summary", ""), ("labels", "Labels"), ("reason", "Reason")),
}  # fmt: skip

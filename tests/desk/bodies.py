"""For every act a body that its form takes, so that what is tested is the right and not the fields."""

from typing import Any

from people.models import User

CHANGE = {
    "what": "Fail over",
    "target": "ledger-db",
    "why": "disk full",
    "effect": "writes",
    "undo": "fail back",
}


def body(noun: str, *, other: User) -> dict[str, Any]:
    """The fields of the act; `other` is somebody who can be named. Raises KeyError for an act without a sample."""
    someone = str(other.uid)
    at = "2026-01-05T02:30:00Z"
    return {
        "declarations": {"severity": 1, "symptom": "writes fail"},
        "moves": {"to": "mitigating", "note": "because", "workaround": "by hand"},
        "resolutions": {"proof": "p99 is 120 ms", "items": {}},
        "closures": {"note": "done"},
        "checklist": {"item": "errors", "state": "ticked"},
        "severity": {"severity": 2, "reason": "fewer customers"},
        "severity-proposals": {"severity": 2, "reason": "fewer customers"},
        "owners": {"person": someone},
        "alert-time": {"at": at, "reason": "monitoring was late"},
        "scope": {"regions": "eu"},
        "impact": {"users": 10},
        "impact-starts": {"happened_at": at},
        "impact-ends": {"note": "green"},
        "samples": {"note": "one error"},
        "blast-radius": {"text": "checkout only"},
        "objectives": {"text": "Writes work again"},
        "seats": {"role": "scribe", "person": someone},
        "seat-acknowledgements": {"seat": "ic"},
        "ic-acknowledgements": {},
        "handovers": {"seat": "ic", "person": someone, "text": "all is calm"},
        "handover-answers": {"seat": "ic", "answer": "decline"},
        "seat-ends": {"seat": "ic", "note": "shift is over"},
        "absences": {"state": "away"},
        "bridge": {"link": "https://bridge.example/7"},
        "bridge-joins": {},
        "lead-notices": {"text": "by phone"},
        "entries": {"kind": "note", "text": "hello"},
        "corrections": {"seq": 2, "text": "rather this"},
        "theories": {"seq": 2, "state": "ruled_out"},
        "escalations": {"to": "vendor", "text": "disk"},
        "reasons": {"clock": "theory", "text": "still reading logs"},
        "changes": CHANGE,
        "approvals": {"number": 1, "risk": "30 s of writes"},
        "rejections": {"number": 1, "note": "not now"},
        "questions-on-changes": {"number": 1, "text": "how long?"},
        "replies": {"number": 1, "text": "30 s"},
        "starts": {"number": 1},
        "finishes": {"number": 1},
        "confirmations": {"number": 1, "seen": "yes"},
        "withdrawals": {"number": 1},
        "done-changes": {"what": "Restarted it"},
        "client-confirmations": {"client": "kestrel-bank"},
        "updates": {"audiences": ["responders"], "impact": "Writes fail"},
        "deliveries": {"message": 1},
        "acknowledgements": {"page": 1},
        "pages": {"person": someone},
        "alert-ends": {"alert": 1, "reason": "noise"},
    }[noun]

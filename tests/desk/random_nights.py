"""An incident told at random: every act by everybody, with fields that are sometimes right, at moments that go on."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from desk.registry import every_act
from incidentdesk.kernel.errors import DeskError
from incidents import record as records
from incidents.models import Incident
from incidents.protocol import Draft
from people.models import User
from people.roles import Role
from tests.factories import T0, commander, make_client, make_incident, make_service, minutes, new_id
from tests.people.factories import make_team, make_user

SEATS = ("ic", "deputy", "ops", "ops2", "comms", "scribe", "sme.database")
STATUSES = ("investigating", "identified", "mitigating", "monitoring")
ITEMS = dict.fromkeys(("errors", "lag", "pool", "queue", "clients"), "ticked")
CLOSING = dict.fromkeys(
    ("notice", "cover", "rotation", "suppressions", "workarounds", "followups", "confirmations", "timeline"), "ticked"
)  # fmt: skip
# Acts that carry a story on are tried more often than the rest.
OFTEN = ("changes", "approvals", "starts", "finishes", "confirmations", "seats", "severity", "moves", "seat-ends",
         "handovers", "handover-answers", "impact-ends", "resolutions", "owners", "absences")  # fmt: skip


@dataclass
class Night:
    """One incident and everybody around it."""

    rng: random.Random
    incident: Incident
    people: list[User]
    now: datetime = T0
    refused: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)

    def step(self) -> None:
        """One act at random. Whatever it raises that is no refusal goes on to the test."""
        self.now += minutes(self.rng.choice((0, 0.2, 1, 3, 9)))
        if self.rng.random() < 0.06:
            return self._alert()
        nouns = sorted(every_act())
        noun = self.rng.choice(OFTEN if self.rng.random() < 0.6 else nouns)
        self.press(noun, self.rng.choice(self.people), self.fields(noun))
        return None

    def press(self, noun: str, by: User, fields: dict[str, Any]) -> str:
        """Do it; "done", or what refused it."""
        flow = every_act()[noun]
        try:
            flow(self.incident.pk, flow.form(**fields), by=by, request_id=new_id(), now=self.now)
            came = "done"
        except DeskError as error:
            came = ", ".join(block.id for block in error.blocks) or error.code
        self.incident.refresh_from_db()
        count = self.done if came == "done" else self.refused
        count[noun] = count.get(noun, 0) + 1
        return came

    def _alert(self) -> None:
        with transaction.atomic():
            record = records.load(self.incident.pk, now=self.now)
            fires = self.rng.random() < 0.5
            kind = "alert.fired" if fires else "alert.resolved"
            record.add(Draft(kind, {"alert": self.rng.choice((1, 2)), "critical": True, "again": fires}))
            records.save([record], now=self.now)
        self.incident.refresh_from_db()

    def fields(self, noun: str) -> dict[str, Any]:
        """Fields that the form takes; now and then they fit."""
        rng, state = self.rng, self.incident.state
        someone = str(rng.choice(self.people).uid)
        seat = rng.choice(SEATS)
        number = rng.randint(1, len(state["changes"]) + 1)
        earlier = (self.now - minutes(rng.choice((0, 1, 30)))).isoformat()
        line = {"text": "some words", "note": "because", "reason": "because"}
        role, _, domain = seat.partition(".")
        more: dict[str, Any] = {
            "declarations": {"severity": rng.randint(1, 4), "symptom": "slow"},
            "moves": {"to": rng.choice(STATUSES), "workaround": rng.choice(("", "by hand"))},
            "resolutions": {"proof": rng.choice(("", "p99 is fine")), "items": rng.choice(({}, ITEMS)),
                            "review_at": (self.now + minutes(600)).isoformat()},
            "closures": {"items": rng.choice(({}, CLOSING))},
            "checklist": {"item": rng.choice(("errors", "lag", "notice"))},
            "severity": {"severity": rng.choice((1, 2, 3, 3, 4))},
            "severity-proposals": {"severity": 2},
            "owners": {"person": someone},
            "alert-time": {"at": earlier},
            "scope": {"clients": rng.choice(([], ["kestrel-bank"]))},
            "impact": {"users": rng.choice((0, 12)), "revenue": 15_000},
            "impact-starts": {"happened_at": earlier},
            "blast-radius": {"clients": ["kestrel-bank"]},
            "seats": {"role": role, "domain": domain, "person": rng.choice((None, None, someone))},
            "seat-acknowledgements": {"seat": seat},
            "seat-ends": {"seat": seat},
            "handovers": {"seat": rng.choice((seat, "ic")), "person": someone},
            "handover-answers": {"seat": rng.choice((seat, "ic")), "answer": rng.choice(("accept", "accept", "decline"))},
            "absences": {"state": rng.choice(("away", "back"))},
            "bridge": {"link": "https://bridge.example/7"},
            "entries": {"kind": rng.choice(("finding", "theory", "note")), "source": "log", "value": "12"},
            "corrections": {"seq": rng.randint(1, self.incident.seq)},
            "theories": {"seq": rng.randint(1, self.incident.seq), "state": "ruled_out"},
            "escalations": {"to": "leadership"},
            "reasons": {"clock": "theory"},
            "changes": {"what": "x", "target": "x", "why": "x", "effect": "x", "undo": "x", "risk": rng.choice(("", "r")),
                        "implementer": rng.choice((None, None, someone)), "notice": rng.random() < 0.3},
            "confirmations": {"seen": rng.choice(("yes", "no"))},
            "done-changes": {"what": "x", "number": rng.choice((None, number)), "person": rng.choice((None, someone))},
            "client-confirmations": {"client": "kestrel-bank"},
            "updates": {"audiences": rng.choice((["responders"], ["executives"], ["clients", "public"])), "impact": "slow",
                        "kind": rng.choice(("full", "full", "no-change"))},
            "deliveries": {"message": rng.randint(1, 9)},
            "acknowledgements": {"page": rng.choice((None, 1, 2))},
            "pages": {"person": someone},
            "alert-ends": {"alert": rng.choice((1, 2))},
        }.get(noun, {})  # fmt: skip
        if rng.random() < 0.1:
            more["happened_at"] = earlier
        return {**line, "number": number, **more} if noun != "done-changes" else {**line, **more}


def night(seed: int) -> Night:
    """A SEV-1 or SEV-3 declared by hand, with somebody of each role, all in one place."""
    rng = random.Random(seed)
    ann, dan = commander("Ann"), commander("Dan")
    others = [make_user(role.title(), roles=[role]) for role in Role.values]
    manager = next(user for user in others if user.roles == ["manager"])
    make_client()
    service = make_service(team=make_team("Api", people=[ann, dan, manager], manager=manager))
    incident = make_incident(by=ann, severity=rng.choice((1, 3, 3)), service=service)
    return Night(rng, incident, [*[ann, dan] * 6, *others])


def told(seed: int, steps: int) -> Iterator[Night]:
    """The night after each of its steps."""
    story = night(seed)
    for _ in range(steps):
        story.step()
        yield story

"""An incident from its alert to its end, through the doors that people and machines use."""

import re
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.faults.place import Place, form_token
from tests.oncall.makers import alert, body
from tests.running import wait_until

LINK = re.compile(r"https?://\S+/ack/[\w-]+/?")


@dataclass
class Path:
    """One walk; `took` holds the seconds of every write."""

    place: Place
    name: str = field(default_factory=lambda: f"Writes{uuid.uuid4().hex[:6]}")
    key: str = ""
    declared: bool = False
    took: list[float] = field(default_factory=list)

    def act(self, who: str, noun: str, **fields: Any) -> dict[str, Any]:
        """An act that must succeed."""
        with self.place.api(who) as api:
            began = time.monotonic()
            answer = api.post(
                f"/incidents/{self.key}/{noun}", json=fields, headers={"Idempotency-Key": str(uuid.uuid4())}
            )
            self.took.append(time.monotonic() - began)
        assert answer.status_code == 200, f"{noun}: {answer.status_code} {answer.text}"
        told: dict[str, Any] = answer.json()
        return told

    def alert(self) -> None:
        """A critical alert comes in and opens the incident."""
        told = alert(self.name, since=datetime.now(UTC), fingerprint=self.name)
        began = time.monotonic()
        answer = httpx.post(
            f"{self.place.running.url}/hooks/alertmanager/",
            content=body(told, group=self.name),
            headers={
                "Authorization": f"Bearer {self.place.people['Ada']['token']}",
                "Content-Type": "application/json",
            },
            trust_env=False,
        )
        self.took.append(time.monotonic() - began)
        assert answer.status_code == 202, answer.text
        wait_until(self._found, within=15, what="the alert to open an incident")

    def _found(self) -> bool:
        rows = self.place.rows(
            "SELECT i.key FROM oncall_alert a JOIN incidents_incident i ON i.id = a.incident_id WHERE a.fingerprint = %s",
            self.name,
        )
        self.key = rows[0][0] if rows else ""
        return bool(rows)

    def page(self) -> str:
        """The link in the mail that pages Sarah."""
        found: list[str] = []

        def came() -> bool:
            mine = [mail for mail in self.place.mail.mails if self.key in mail["Subject"]]
            found[:] = [link for mail in mine for link in LINK.findall(mail.get_content())]
            return bool(found)

        wait_until(came, within=15, what="the page")
        return found[0]

    def acknowledge(self, link: str) -> None:
        """Sarah taps the link in her mail; she is not signed in."""
        with httpx.Client(timeout=10, trust_env=False, follow_redirects=True) as phone:
            shown = phone.get(link)
            assert shown.status_code == 200, shown.text
            began = time.monotonic()
            answer = phone.post(
                f"{self.place.running.url}/ack/",
                data={"csrfmiddlewaretoken": form_token(shown.text)},
                headers={"Referer": self.place.running.url},
            )
            self.took.append(time.monotonic() - began)
            assert answer.status_code == 200, answer.text

    def respond(self, severity: int = 3) -> None:
        """Declared, led, talked about, changed and told to everybody, up to where it can be resolved."""
        if not self.declared:
            self.act("Sarah", "declarations", severity=severity, symptom="Writes fail", services=["ledger"])
        self.act("Sarah", "seats", role="ic")
        self.act("Omar", "entries", kind="finding", text="Disk full", source="dashboard", value="100 %")
        self.act("Omar", "entries", kind="theory", text="The archive grew")
        self.act("Sarah", "scope", services=["ledger"], clients=["kestrel-bank"])
        self.act("Omar", "changes", what="Move the archive", target="ledger", why="disk", effect="writes work",
                 risk="slow reads", undo="move it back")  # fmt: skip
        self.act("Sarah", "approvals", number=1)
        self.act("Sarah", "moves", to="mitigating")
        self.act("Omar", "starts", number=1)
        self.act("Omar", "finishes", number=1)
        self.act("Omar", "confirmations", number=1, seen="yes")
        self.act("Sarah", "updates", audiences=["clients", "executives", "responders"], impact="Writes fail",
                 next_at=in_an_hour())  # fmt: skip


def in_an_hour() -> str:
    """A time for the next update that no cadence of a SEV-3 forbids."""
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()

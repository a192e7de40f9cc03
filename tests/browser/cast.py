"""People who act from elsewhere: each with a token of their own, through the API of the running desk."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.running import Running

NAMES = {
    "sarah": "Sarah Okafor",  # qualified as incident commander
    "dana": "Dana Whitlock",  # a manager, qualified as incident commander
    "alex": "Alex Lindqvist",  # an engineer
    "priya": "Priya Nair",  # knows the database
    "jordan": "Jordan Reyes",  # communications
    "marcus": "Marcus Hale",  # an executive: summaries only
    "ines": "Ines Duarte",  # an administrator
}


MAKE = """
from django.core.management import call_command
for email in {emails!r}:
    call_command("token", "--user", email, "--scope", "incidents:write", "--scope", "incidents:read")
"""


def address(name: str) -> str:
    """The e-mail address of one of them."""
    return f"{NAMES[name].lower().replace(' ', '.')}@northline.example"


def tokens(desk: Running) -> dict[str, str]:
    """A token for each, made by the operator's command, all in one process: starting it is what takes long."""
    script = MAKE.format(emails=[address(name) for name in NAMES])
    lines = desk.manage("shell", "--no-imports", "-c", script).splitlines()
    return {name: str(json.loads(line)["token"]) for name, line in zip(NAMES, lines, strict=True)}


class Person:
    """One of the demonstration's people, acting by program."""

    def __init__(self, name: str, desk: Running, token: str) -> None:
        self.name = NAMES[name]
        self.email = address(name)
        self._http = httpx.Client(
            base_url=f"{desk.url}/api/v1/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
            trust_env=False,
        )

    def ask(self, path: str) -> Any:
        """Read something. Raises where the desk refuses."""
        answer = self._http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def uid(self, name: str) -> str:
        """By what the desk knows somebody of the cast."""
        return next(str(each["uid"]) for each in self.ask("people")["people"] if each["name"] == NAMES[name])

    def declare(self, **fields: Any) -> str:
        """Declare an incident; its key."""
        body = {
            "title": "SEV-1 Ledger: payments fail",
            "services": ["ledger"],
            "clients": ["kestrel-bank"],
            "symptom": "payments fail at checkout",
            "severity": 1,
            "alert_fired_at": (datetime.now(UTC) - timedelta(minutes=2)).isoformat(),
            **fields,
        }
        return str(self._post("incidents", body)["key"])

    def act(self, incident: str, noun: str, **fields: Any) -> dict[str, Any]:
        """Do one act. Raises where it is refused."""
        return self._post(f"incidents/{incident}/{noun}", fields)

    def log(self, incident: str, text: str, **fields: Any) -> int:
        """Write one finding; its place in the record."""
        entry = {"kind": "finding", "text": text, "source": "log", "value": "503", **fields}
        return int(self.act(incident, "entries", **entry)["seq"])

    def entries(self, incident: str) -> list[dict[str, Any]]:
        """The whole record, oldest first."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.ask(f"incidents/{incident}/timeline?after={found[-1]['seq'] if found else 0}")
            rows = page["entries"] if isinstance(page, dict) else page
            if not rows:
                return found
            found += rows

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.post(path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return dict(answer.json())

    def close(self) -> None:
        """Hang up."""
        self._http.close()

"""An incident to ask the API about, and what its answers hold."""

import json
from typing import Any

from incidentdesk.kernel import clock
from incidents.models import Incident
from people.models import User
from tests.factories import commander, do, make_incident, minutes


def found(response: Any) -> Any:
    """The body of an answer that must be 200."""
    assert response.status_code == 200, response.content
    return json.loads(response.content)


def error(response: Any) -> Any:
    """What a refusal says of itself."""
    return json.loads(response.content)["error"]


def led(severity: int = 1) -> tuple[Incident, User]:
    """An incident with an IC."""
    ic = commander()
    incident = make_incident(by=ic, severity=severity, declared_at=clock.now() - minutes(5))
    do(incident, "seats", ic, clock.now(), role="ic")
    return incident, ic

"""The people and the catalogue of a desk under test, made in a process of that desk: `python -m tests.faults.cast PLACE`.

Prints one line of JSON: a token and a password for each person, by first name. PLACE is where webhooks go.
"""

import json
import os
import sys
from typing import Any

PASSWORD = "a long night at sea"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PEOPLE = {
    "Sarah": ("ic", "engineer"),
    "Omar": ("engineer",),
    "Mia": ("manager",),
    "Ed": ("executive",),
    "Ada": ("admin",),
}


def make(place: str, takers: int) -> dict[str, Any]:
    """People, a service whose alerts page Sarah and then Omar, and a client with a mailbox and a webhook."""
    from incidentdesk.kernel import clock
    from incidents.models import Client, Service
    from people import tokens
    from people.roles import Scope
    from tests.people.factories import make_team, make_user

    roles = PEOPLE | {f"Taker {number}": ("ic", "engineer") for number in range(takers)}
    people = {
        name: make_user(
            name, roles=wanted, email=f"{name.lower().replace(' ', '.')}@desk.test", password=PASSWORD
        )
        for name, wanted in roles.items()
    }
    team = make_team("Payments", people=(people["Sarah"], people["Omar"]), manager=people["Mia"])
    service = Service.objects.create(name="Ledger", slug="ledger", team=team, critical_path=True)
    client = Client.objects.create(
        name="Kestrel Bank",
        slug="kestrel-bank",
        contact_emails=["ops@kestrel.test"],
        webhook_url=f"http://{place}/slow/1.5",
        webhook_secret=SECRET,
    )
    service.clients.add(client)
    # A line of its own for each taker, so that the page of one waits for no page of another.
    for number in range(takers):
        line = make_team(f"Line {number}", people=(people[f"Taker {number}"],), manager=people["Mia"])
        Service.objects.create(name=f"Line {number}", slug=f"line-{number}", team=line)
    made = {}
    for name, user in people.items():
        scopes = [Scope.INCIDENTS_READ, Scope.INCIDENTS_WRITE]
        scopes += [Scope.OPS_READ, Scope.ALERTS_WRITE] if name == "Ada" else []
        text, _ = tokens.make(user, name="faults", scopes=scopes, now=clock.now())
        made[name] = {"token": text, "uid": str(user.uid), "email": user.email}
    return made


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "incidentdesk.settings")
    import django

    django.setup()
    print(json.dumps(make(sys.argv[1], int(sys.argv[2]))))

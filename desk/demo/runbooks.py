"""Two runbooks of the demonstration: one for what everything leans on, one for what earns the money."""

from datetime import datetime

from django.db import transaction

from incidents.models import Service
from runbooks.models import Runbook

FAILOVER = """\
For writes that fail or replicas that lag. Reading goes on meanwhile.

1. **Check** that it is the primary: errors on the dashboard *Overview*, the controller's state in *Logs*. No error there: stop, page
   Data and storage.
2. **Ask** how far the standby lags. Above 30 s somebody decides what may be lost.
3. **Propose** the change in the war room, with that number as its risk. Wait for the approval.
4. Promote: `dbctl promote --standby db-02 --fence db-01`. Expected: `promoted` within 20 s.
5. Point the pools: `poolctl reload --all`. Expected: writes succeed within a minute.
6. **Way back**: `dbctl promote --standby db-01`, not before its controller is replaced.
"""
ROLL_BACK = """\
For errors that began with a deploy.

1. **Check** when the errors began and what was deployed then: `deployctl history checkout --since 2h`.
2. **Propose** the roll-back, with two minutes of restarts as its risk.
3. `deployctl rollback checkout`. Expected: errors under 1 % within five minutes.
4. No better? Roll forward again and escalate. Do not roll back a second service on a guess.
"""
BOOKS = (
    ("fail-over-the-primary-database", "Fail over the primary database", FAILOVER, ("primary-database", "ledger")),
    ("roll-back-a-deploy", "Roll back a deploy", ROLL_BACK, ("checkout", "payouts", "login")),
)  # fmt: skip


@transaction.atomic
def make(*, now: datetime) -> None:
    """Make the runbooks that are not there; what is there stays as it is. `now` is aware UTC."""
    for slug, title, body, services in BOOKS:
        book, made = Runbook.objects.get_or_create(
            slug=slug, defaults={"title": title, "body": body, "updated_at": now}
        )
        if made:
            book.services.set(Service.objects.filter(slug__in=services))

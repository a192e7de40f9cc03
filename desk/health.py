"""What machines ask about the desk: is the process up, can it read its database, and how old is each pulse (S40)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Min
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from comms import outbox
from comms.models import Message
from desk import auditor, bad_tokens, heartbeats, readiness, waking
from desk.models import Heartbeat
from incidentdesk.kernel import clock
from incidentdesk.kernel.client_address import client_address
from incidentdesk.kernel.stamps import stamp
from incidents.models import Deadline
from people import access, tokens
from people.models import User
from people.roles import Scope


@access.open_to_all("says nothing but that the process answers")
@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers, whatever else is broken."""
    return HttpResponse("ok\n", content_type="text/plain", headers={"Cache-Control": "no-store"})


@access.open_to_all("says nothing but what is missing for this version to work")
@require_GET
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when this version can work on its database, else 503 with what is missing, a line each.

    Redis is not asked: the desk works without it.
    """
    found = readiness.problems()
    return HttpResponse(
        "\n".join(found or [readiness.READY]) + "\n",
        status=503 if found else 200,
        content_type="text/plain; charset=utf-8",
        headers={"Cache-Control": "no-store"},
    )


@access.open_to_all(
    "asks for an administrator's session or a token with ops:read; to anybody else it does not exist"
)
@require_GET
def pulse(request: HttpRequest) -> HttpResponse:
    """The ages, in seconds, of the last tick, of what is late, and of every sign of life."""
    now = clock.now()
    if not _may_look(request, now):
        raise Http404
    return JsonResponse(reading(now=now), headers={"Cache-Control": "private, no-store"})


def reading(*, now: datetime) -> dict[str, Any]:
    """The pulse at `now`. `late` is 0 where nothing is due; `age` is null for what never was; `faults` and `waking`
    (what would keep a page from waking somebody) are sentences."""
    ticked = heartbeats.last(heartbeats.TICK)
    armed = Deadline.objects.filter(state=Deadline.State.ARMED, driven=False)
    # A message that is tried again and again is never late, and grows old all the same.
    unsent = Message.objects.filter(state__in=["pending", "leased"])
    began = unsent.aggregate(at=Min(Coalesce("first_attempt_at", "due_at")))["at"]
    return {
        "now": stamp(now),
        "tick": {"age": None if ticked is None else _seconds(now, ticked)},
        "deadlines": {"late": _late(armed.aggregate(at=Min("due_at"))["at"], now)},
        "outbox": {
            "late": _late(outbox.waiting().aggregate(at=Min("since"))["at"], now),
            "oldest": _late(began, now),
            "dead": outbox.given_up(),
        },
        "waking": waking.gaps(now=now),
        "faults": auditor.faults(now=now),
        "heartbeats": [_life(row, now) for row in _rows()],
    }


def _rows() -> Iterable[Heartbeat]:
    return Heartbeat.objects.exclude(name=heartbeats.TICK)


def _life(row: Heartbeat, now: datetime) -> dict[str, Any]:
    return {
        "name": row.name,
        "age": _seconds(now, row.at),
        "pid": row.pid,
        "host": row.host,
        "clock_offset": round(row.offset, 3),
    }


def _seconds(now: datetime, then: datetime) -> float:
    return round((now - then).total_seconds(), 3)


def _late(due: datetime | None, now: datetime) -> float:
    return max(0.0, _seconds(now, due)) if due else 0.0


def _may_look(request: HttpRequest, now: datetime) -> bool:
    if isinstance(request.user, User):
        return request.user.is_admin
    text = tokens.bearer(request.headers.get("Authorization", ""))
    token = tokens.check(text, now=now, address=client_address(request))
    if text and token is None:
        bad_tokens.too_many(
            request, now=now
        )  # counted and audited as at every door; the answer stays the same
    return token is not None and tokens.allows(token, Scope.OPS_READ)

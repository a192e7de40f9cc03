"""What the cases act on: signed-in people, rooms with entries, tokens; all made by the desk's own flows."""

import os
import re
import secrets
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bench.house import Desk

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def connect(desk: Desk) -> None:
    """Make Django of this process speak to that desk's database. Once a process, before any other function here."""
    os.environ.update(desk.environment(), DJANGO_SETTINGS_MODULE="incidentdesk.settings")
    import django

    django.setup()


@dataclass(frozen=True)
class Visitor:
    """Somebody signed in, as a browser would send it."""

    user: int
    cookies: str
    csrf: str


def sign_in(email: str) -> Visitor:
    """A session of this person in the database."""
    from django.conf import settings
    from django.contrib.auth import login
    from django.http import HttpRequest

    from people.models import User
    from people.sessions import SessionStore

    user = User.objects.get(email=email)
    request = HttpRequest()
    request.session = SessionStore()  # type: ignore[assignment]  # our own engine
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    request.session.save()
    csrf = secrets.token_hex(16)
    jar = f"{settings.SESSION_COOKIE_NAME}={request.session.session_key}; {settings.CSRF_COOKIE_NAME}={csrf}"
    return Visitor(user.pk, jar, csrf)


def sarah() -> Any:
    """Who commands: IC-qualified and an engineer."""
    from people.models import User

    return User.objects.get(email="sarah.okafor@northline.example")


def room(entries: int = 0, severity: int = 2) -> tuple[int, str]:
    """A declared incident with so many notes beside its own entries: its id and key."""
    from desk.flows import declare
    from desk.forms.incident import DeclareForm
    from incidentdesk.kernel import clock
    from incidents.models import Incident, Service

    now = clock.now()
    service = Service.objects.order_by("pk").first()
    assert service is not None
    form = DeclareForm(severity=severity, symptom="writes fail", services=[service.slug])
    answer = declare(form, by=sarah(), request_id=str(uuid.uuid4()), now=now)
    incident = Incident.objects.get(key=answer.incident)
    fill(incident.pk, entries - incident.seq)
    until = time.monotonic() + 10
    while incident.messages.filter(state__in=("pending", "leased")).exists() and time.monotonic() < until:
        time.sleep(0.05)  # a mail that is delivered moves the cursor of the room
    return incident.pk, incident.key


def fill(incident: int, count: int) -> None:
    """Add notes by somebody in the room."""
    from django.db import transaction

    from incidentdesk.kernel import clock
    from incidents import record as records
    from incidents.protocol import Draft

    by = sarah().pk
    while count > 0:
        with transaction.atomic():
            record = records.load(incident, now=clock.now())
            for number in range(min(count, 500)):
                text = f"Line {number}: replication is {number} s behind on db-2, pool at {number % 97} %."
                record.add(Draft("note", {}, by, None, {"text": text}))
            records.save([record], now=record.now)
        count -= 500


def rev(incident: int) -> int:
    """The cursor of a room as it stands."""
    from incidents.models import Incident

    return Incident.objects.values_list("rev", flat=True).get(pk=incident)


def token() -> str:
    """A machine's token for alerts."""
    from incidentdesk.kernel import clock
    from people import accounts, tokens

    machine = accounts.create_user(
        email=f"am-{uuid.uuid4()}@bench.example", name="Alertmanager", is_machine=True
    )
    return tokens.make(machine, name="bench", scopes=["alerts:write"], now=clock.now())[0]


def template(kind: str, *, due: datetime) -> int:
    """An incident one of whose deadlines falls due at that instant: `chain` (the next person is paged) or
    `remind` (an update is due in three minutes)."""
    from django.db import transaction

    from comms import outbox
    from incidents import lifecycle
    from incidents import record as records
    from incidents.models import Service
    from incidents.protocol import Draft
    from oncall import pages

    service = Service.objects.select_related("team").order_by("pk").first()
    assert service is not None
    before = {"chain": 5, "remind": 12}[kind]
    at = due - timedelta(minutes=before)
    with transaction.atomic():
        opening = lifecycle.Opening(
            title="Writes fail", services=[service], alert_fired_at=at, source="alert", presumed=1
        )
        record = lifecycle.open_record(opening, by=None, now=at)
        if kind == "chain":
            first = record.state["ladder"][0]
            record.add(Draft("alert.fired", {"alert": 1, "critical": True}))
            record.add(Draft("page.sent", {"pages": [[1, first]], "call": "chain", "level": 1}))
            planned = pages.plan(
                record.id, record.uid, record.key, record.title, [(1, first)], "chain", 1, now=at
            )
            outbox.put(pages.store([planned], now=at), now=at)
        else:
            who = sarah().pk
            record.add(
                Draft(
                    "declared",
                    {"severity": 1, "answers": {}, "suggested": None, "below": False, "hit": True},
                    who,
                )
            )
            record.add(Draft("seat.claimed", {"seat": "ic", "user": who}, who))
            record.add(Draft("seat.claimed", {"seat": "comms", "user": who}, who))
        records.save([record], now=at)
    return record.id


_CLONE = """
INSERT INTO incidents_incident (uid, key, kind, time, title, severity, presumed, status, owner_id, ic_id, protocol_id,
  fold_version, state, seq, rev, head_hash, opened_at, alert_fired_at, declared_at, next_update_at, waiting, unanswered)
SELECT gen_random_uuid(), x.key, t.kind, t.time, t.title, t.severity, t.presumed, t.status, t.owner_id, t.ic_id,
  t.protocol_id, t.fold_version, x.state::json, t.seq, t.rev, t.head_hash, t.opened_at, t.alert_fired_at, t.declared_at,
  t.next_update_at, 0, false
FROM incidents_incident t, unnest(%b::text[], %b::text[]) AS x(key, state) WHERE t.id = %b RETURNING id
"""
_ARM = """
INSERT INTO incidents_deadline (incident_id, clock, subject, occurrence, step, due_at, state, driven, last_error)
SELECT c.id, d.clock, d.subject, d.occurrence, d.step, d.due_at + c.late, 'armed', false, ''
FROM unnest(%b::bigint[], %b::interval[]) AS c(id, late), incidents_deadline d
WHERE d.incident_id = %b AND d.state = 'armed' AND d.clock = %b AND d.step = %b
"""
STEP = {"chain": ("chain", "next"), "remind": ("update.responders", "remind")}


def clones(kind: str, *, due: datetime, late: list[float]) -> list[int]:
    """So many incidents like `template`, the deadline of each falling due `late` seconds after `due`; their ids."""
    from django.db import transaction

    from incidentdesk.kernel import sql
    from incidentdesk.kernel.stamps import moment, stamp

    original = template(kind, due=due)
    (state,) = sql.run("SELECT state::text FROM incidents_incident WHERE id = %b", [original])[0]
    disarm([original])
    sql.run("UPDATE incidents_deadline SET state = 'armed' WHERE incident_id = %b AND clock = %b AND step = %b",
            [original, *STEP[kind]])  # fmt: skip
    found: list[int] = []
    for start in range(0, len(late), 1000):
        part = late[start : start + 1000]
        states = [
            _STAMP.sub(lambda match, by=seconds: stamp(moment(match[0]) + timedelta(seconds=by)), state)  # type: ignore[misc]
            if seconds
            else state
            for seconds in part
        ]
        keys = [f"BENCH-{secrets.token_hex(8)}" for _ in part]
        with transaction.atomic():
            ids = [row[0] for row in sql.run(_CLONE, [keys, states, original])]
            sql.run(_ARM, [ids, [timedelta(seconds=seconds) for seconds in part], original, *STEP[kind]])
        found += ids
    disarm([original])
    return found


def disarm(incidents: list[int]) -> None:
    """Take these off the desk: nothing of them waits for the tick any more, and no mail of theirs goes out."""
    from incidentdesk.kernel import sql

    sql.run("UPDATE incidents_deadline SET state = 'cancelled' WHERE incident_id = ANY(%b::bigint[]) AND state = 'armed'",
            [incidents])  # fmt: skip
    sql.run("UPDATE comms_message SET state = 'kept', lease_until = NULL WHERE incident_id = ANY(%b::bigint[]) AND state IN ('pending', 'leased')",
            [incidents])  # fmt: skip


def close(incidents: list[int]) -> None:
    """Disarm them and take them off the list of open incidents."""
    from incidentdesk.kernel import sql

    disarm(incidents)
    sql.run("UPDATE incidents_incident SET status = 'closed' WHERE id = ANY(%b::bigint[])", [incidents])


def vacuum(desk: Desk) -> None:
    """Let PostgreSQL look at its tables as it does by itself some minutes later."""
    import psycopg

    with psycopg.connect(desk.running.database_url(owner=True), autocommit=True) as owner:
        owner.execute(
            "VACUUM (ANALYZE) incidents_deadline, incidents_incident, comms_message, oncall_alert, oncall_page"
        )
        owner.execute("ANALYZE")

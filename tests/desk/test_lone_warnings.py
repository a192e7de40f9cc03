"""Warnings on no incident: an open Desk shows them at its next poll, which costs what it did; the API lists them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from desk import admission
from desk.quick_poll import board_cursor
from incidentdesk.kernel import clock
from incidents.models import Incident
from oncall.models import Alert
from people.models import User
from tests.desk.doors import asks, token
from tests.desk.nights import Night
from tests.door import signed_in
from tests.factories import T0
from tests.oncall.makers import alert
from tests.people.factories import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_counters")]

PAST = """
INSERT INTO oncall_alert (source, fingerprint, starts_at, state, critical, severity_label, name, summary, value, service_slug,
  group_key, generator_url, runbook_url, payload, sender, resolved_by, left_out, received_at, heard_at, count, fired, again,
  pending)
SELECT source, 'past' || n, starts_at, 'resolved', critical, severity_label, name, summary, value, service_slug, group_key,
  generator_url, runbook_url, payload, sender, resolved_by, left_out, received_at, heard_at, count, fired, again, pending
FROM oncall_alert, generate_series(1, 3000) AS n
"""


def warns(night: Night, name: str = "Slow", *, over: bool = False, summary: str = "", **more: str) -> None:
    now = clock.now()
    told = alert(name, since=T0, until=now if over else None, **{"severity": "warning", **more})
    if summary:
        told["annotations"]["summary"] = summary
    night.sends(told, at=now, group=name)


def test_an_open_desk_shows_a_warning_at_its_next_poll_and_lets_it_go_at_the_one_after_its_end(
    night: Night,
) -> None:
    door = signed_in(night.anna)
    seen = board_cursor(night.anna.pk)

    warns(night)
    came = door.get(f"/live/?after={seen}")
    again = door.get(f"/live/?after={came['Desk-Rev']}")
    warns(night, over=True)
    went = door.get(f"/live/?after={came['Desk-Rev']}")

    assert "Slow is high" in came.content.decode()
    assert again.status_code == 204
    assert went.status_code == 200
    assert "Slow is high" not in went.content.decode()


@pytest.mark.parametrize("news", ["another takes its place", "it reads otherwise", "an incident takes it"])
def test_the_cursor_moves_with_every_change_of_what_is_listed(night: Night, news: str) -> None:
    warns(night)
    before = board_cursor(night.anna.pk)

    if news == "another takes its place":
        warns(night, over=True)
        warns(night, "Late")
    elif news == "it reads otherwise":
        warns(night, summary="Slow by 9 s")
    else:
        night.sends(alert("Down", since=clock.now()), at=clock.now())
        admission.admit_pending(now=clock.now())

    assert board_cursor(night.anna.pk) != before


def test_a_repeat_that_says_the_same_is_no_news(night: Night) -> None:
    warns(night)
    before = board_cursor(night.anna.pk)

    warns(night)

    assert Alert.objects.get().count == 2
    assert board_cursor(night.anna.pk) == before


def test_a_poll_beside_many_warnings_is_one_statement_that_reads_no_row_of_past_alerts(night: Night) -> None:
    warns(night)
    door, seen = signed_in(night.anna), board_cursor(night.anna.pk)
    with connection.cursor() as cursor:
        cursor.execute(PAST)
        cursor.execute("ANALYZE oncall_alert")

    with CaptureQueriesContext(connection) as asked:
        answer = door.get(f"/live/?after={seen}")
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {asked[0]['sql']}".replace("%s", "'x'"))
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert (answer.status_code, len(asked)) == (204, 1)
    assert "alert_unattached" in plan
    assert "Seq Scan on oncall_alert" not in plan


def test_an_administrators_desk_is_a_minute_old_at_most(night: Night) -> None:
    admin = make_user("Ines", roles=("admin",))
    theirs, hers = board_cursor(night.anna.pk), board_cursor(admin.pk)
    stem, minute = hers.split("m")

    door = signed_in(admin)
    now, old = door.get(f"/live/?after={hers}"), door.get(f"/live/?after={stem}m{int(minute) - 1}")

    assert stem == theirs
    assert now.status_code == 204
    assert "Set DEADMAN_URL" in old.content.decode()
    assert old["Desk-Rev"] == hers


def listed(user: User, **query: int) -> list[str]:
    return [each["name"] for each in asks(token(user), "/warnings", **query).json()["warnings"]]


def test_the_api_lists_what_the_desk_lists_page_by_page(night: Night) -> None:
    for name in ("A", "B", "C"):
        warns(night, name)
    warns(night, "Note", severity="info")
    warns(night, "Other", service="search")
    night.sends(alert("Down", since=clock.now(), service="elsewhere"), at=clock.now())

    first = asks(token(night.anna), "/warnings", limit=2).json()
    with CaptureQueriesContext(connection) as few:
        listed(night.anna, limit=1)
    with CaptureQueriesContext(connection) as many:
        rest = listed(night.anna, before=first["next"])

    assert [each["name"] for each in first["warnings"]] == ["Other", "C"]
    assert first["warnings"][1]["service"] == "ledger"
    assert first["warnings"][1]["labels"]["alertname"] == "C"
    assert rest == ["B", "A"]
    assert len(many) == len(few)
    assert Incident.objects.count() == 1


def test_who_may_not_enter_the_room_finds_no_warnings(night: Night) -> None:
    warns(night)

    answer = asks(token(make_user("Eve", roles=("executive",))), "/warnings")

    assert answer.status_code == 404
    assert b"Slow" not in answer.content

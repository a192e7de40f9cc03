"""Mails about clocks: what they say is true when they leave."""

import pytest

from comms import delivery
from comms.timely import DueClock, clock_line
from desk import tick
from incidentdesk.kernel.stamps import stamp
from tests.comms.makers import T0, mail, put
from tests.factories import T0 as NIGHT
from tests.factories import commander, do, make_incident, minutes

UPDATES = DueClock("Internal updates", stamp(T0))


def test_a_time_to_come_is_due_and_a_time_past_is_never_due() -> None:
    assert clock_line(UPDATES, now=T0 - minutes(1)) == "Internal updates: due at 00:47:00 UTC."
    assert clock_line(UPDATES, now=T0) == "Internal updates: overdue since 00:47:00 UTC."
    assert (
        clock_line(UPDATES, now=T0 + minutes(11.5))
        == "Internal updates: overdue since 00:47:00 UTC, 11 min late."
    )
    assert clock_line(UPDATES, now=T0 + minutes(24 * 60)).startswith(
        "Internal updates: overdue since 2026-03-29 00:47:00 UTC, 1440 min late."
    )


def test_updates_missed_before_are_counted() -> None:
    said = clock_line(DueClock("Updates", stamp(T0), 2), now=T0 + minutes(1))

    assert said == "Updates: overdue since 00:47:00 UTC, 1 min late. 2 missed before it."


@pytest.mark.django_db
@pytest.mark.parametrize("sent_after", [0, 11])
def test_a_mail_that_leaves_late_names_how_late_it_really_is(sent_after: int) -> None:
    clocks = [{"label": "IC named", "due": stamp(T0), "missed": 0}]
    (message,) = put(mail("a", payload={"subject": "IC named", "body": "The room", "clocks": clocks}))

    packed = delivery.parcel([message], {}, {}, now=T0 + minutes(sent_after))

    late = f", {sent_after} min late" if sent_after else ""
    assert packed.payload["body"] == f"IC named: overdue since 00:47:00 UTC{late}.\n\nThe room"
    assert "clocks" not in packed.payload


@pytest.mark.django_db
def test_a_reminder_that_leaves_after_the_update_was_due_says_overdue() -> None:
    from comms.models import Message

    sarah = commander("Sarah")
    incident = make_incident(by=sarah, severity=2)
    do(incident, "seats", sarah, NIGHT, role="ic")
    reminder = incident.deadlines.filter(step="remind", clock__contains="update").earliest("due_at")
    due = incident.deadlines.get(clock=reminder.clock, step="overdue", state="armed").due_at
    Message.objects.all().delete()

    tick.sweep(now=reminder.due_at)
    reminded = [each for each in Message.objects.all() if "clocks" in each.payload]
    message = next(each for each in reminded if stamp(due) in str(each.payload["clocks"]))

    in_time = delivery.parcel([message], {}, {}, now=reminder.due_at).payload["body"]
    late = delivery.parcel([message], {}, {}, now=due + minutes(1)).payload["body"]
    assert f"due at {due:%H:%M:%S} UTC" in in_time
    assert f"overdue since {due:%H:%M:%S} UTC, 1 min late." in late and "due at" not in late

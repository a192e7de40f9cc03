"""Replay: the two nights to every figure, what a run leaves behind, and which comes first at one instant."""

import re
from datetime import UTC, datetime

import pytest

from comms.models import Message
from desk.replay import report
from incidents.models import Incident, ProtocolVersion
from people.models import User
from tests.desk.replays import CAST, FOLDER, counts, example, night, run


@pytest.mark.django_db
@pytest.mark.ledger("CLK-39", "INC-14", "APP-02")
@pytest.mark.parametrize("name", ["good", "bad"])
def test_a_night_comes_to_every_figure_of_its_file(name: str) -> None:
    done = run(night(name))

    assert done.failures == [], report.as_text(done)


@pytest.mark.django_db
def test_a_run_leaves_nothing_behind() -> None:
    run(example())
    before = counts()

    run(night("good"))

    assert counts() == before


@pytest.mark.django_db
def test_a_kept_run_is_a_driven_incident_whose_messages_stay_and_whose_people_take_no_further_part() -> None:
    done = run(example(), keep=True)
    shipped = ProtocolVersion.objects.order_by("-number").first()

    incident = Incident.objects.get(key=next(iter(done.ends)))
    assert (incident.time, incident.status, incident.severity) == ("driven", "resolved", 2)
    assert incident.driven_now == datetime(2026, 5, 12, 8, 40, tzinfo=UTC)
    assert {message.state for message in Message.objects.filter(incident=incident)} == {"simulated"}
    assert not User.objects.filter(email__endswith="@replay.example", is_active=True).exists()
    assert shipped and shipped.pk != incident.protocol_id
    assert "sev2 = 20" not in shipped.text


@pytest.mark.django_db
def test_time_and_name_stand_apart_after_midnight_too() -> None:
    note = '[[step]]\nat = "{}"\nactor = "Ada"\nact = "entries"\nwith = {{ kind = "note", text = "x" }}\n'
    file = CAST.replace('until = "12:00"', 'until = "2026-03-11 00:10"')
    file += note.format("23:58") + note.format("2026-03-11 00:03")

    lines = report.as_text(run(file)).splitlines()

    first, second = (line for line in lines if "entries: done" in line)
    assert re.match(r"23:58 +Ada  ", first)
    assert re.match(r"2026-03-11 00:03 Ada  ", second)
    assert first.index("Ada") == second.index("Ada")


@pytest.mark.django_db
def test_the_same_file_runs_beside_a_catalogue_that_has_its_names_already() -> None:
    run(night("good"), keep=True)

    done = run(night("good"))

    assert done.ok, report.as_text(done)


@pytest.mark.django_db
@pytest.mark.ledger("CLK-21")
def test_an_act_at_the_instant_of_a_deadline_comes_before_it() -> None:
    at_the_limit = CAST + '[[step]]\nat = "10:05"\nactor = "Ada"\nact = "acknowledgements"\n'
    a_second_late = at_the_limit.replace("10:05", "10:05:01")

    first = run(at_the_limit + '[[expect.entry]]\nkind = "page.sent"\nat = ["10:00"]\n')
    second = run(a_second_late + '[[expect.entry]]\nkind = "page.sent"\nat = ["10:00", "10:05"]\n')

    assert first.failures == second.failures == []


@pytest.mark.django_db
@pytest.mark.ledger("CLK-21")
def test_what_is_due_at_until_itself_is_done_and_what_is_due_after_is_not() -> None:
    ends = (
        CAST.replace("12:00", "10:05") + '[[expect.entry]]\nkind = "page.sent"\nwhere.level = 2\ncount = 1\n'
    )
    before = (
        CAST.replace("12:00", "10:04:59")
        + '[[expect.entry]]\nkind = "page.sent"\nwhere.level = 2\ncount = 0\n'
    )

    assert run(ends).failures == run(before).failures == []


@pytest.mark.django_db
def test_a_chain_that_nobody_answers_calls_all_three_times_and_turns_red() -> None:
    text = (
        CAST
        + """
[[expect.entry]]
kind = "page.sent"
at = ["10:00", "10:05", "10:15", "10:25", "10:35"]
[[expect.entry]]
kind = "clock.step"
where.call = "red"
at = "10:45"
[[expect.reading]]
clock = "ack"
subject = "Ada"
n = 4
word = "overdue"
due = "10:40"
"""
    )

    assert run(text).failures == []


@pytest.mark.django_db
def test_labels_minutes_and_dates_stand_for_entries_and_times() -> None:
    text = (
        CAST.replace('until = "12:00"', 'until = "2026-03-11 00:30"')
        + """
[[step]]
at = "+2"
actor = "Ada"
act = "entries"
with.kind = "theory"
with.text = "The pool leaks"
id = "leak"
[[step]]
at = "10:04:30"
actor = "Ben"
act = "entries"
id = "seen"
[step.with]
kind = "finding"
text = "Pool at its limit"
source = "Dashboard"
value = "100 of 100"
[[step]]
at = "2026-03-11 00:10"
actor = "Ada"
act = "theories"
with.seq = "@leak"
with.state = "confirmed"
with.evidence = "@seen"
[[step]]
at = "00:20"
actor = "Ada"
act = "alert-ends"
with.alert = "Errors"
with.reason = "Monitoring is down"
[expect]
milestones.acknowledged = "10:02"
[[expect.entry]]
kind = "theory.settled"
at = "2026-03-11 00:10"
[[expect.entry]]
kind = "alert.resolved"
actor = "Ada"
minute = 860
"""
    )

    assert run(text).failures == []


@pytest.mark.django_db
@pytest.mark.ledger("SEV-22")
def test_a_warning_is_an_outcome_of_its_own() -> None:
    step = """
[[step]]
at = "10:02"
actor = "Ada"
act = "declarations"
with.severity = 3
with.symptom = "All requests fail"
with.affected = "yes"
with.share = "over"
with.core = "yes"
with.worse = "yes"
"""

    assert run(CAST + step + 'expect = "warned"\nsays = "SEV-1"\n').failures == []
    assert run(CAST + step).failures == []
    assert "expected done, seen warned" in run(CAST + step + 'expect = "done"\n').failures[0]


@pytest.mark.django_db
def test_arguments_that_do_not_fit_are_invalid_and_change_nothing() -> None:
    steps = """
[[step]]
at = "10:02"
actor = "Ada"
act = "entries"
with.kind = "finding"
with.text = "Pool at its limit"
expect = "invalid"
says = "source"
[[step]]
at = "10:02"
actor = "Ada"
act = "entries"
with.kind = "note"
with.text = "From tomorrow"
with.happened_at = "11:00"
expect = "invalid"
says = "future"
[[step]]
at = "10:02"
actor = "Ada"
act = "scope"
with.clients = ["Banque"]
expect = "invalid"
says = "'Banque' is no client of this file"
[[expect.entry]]
kind = "refused"
count = 0
"""

    assert run(CAST + steps).failures == []


@pytest.mark.django_db
def test_after_resolved_the_same_alert_opens_a_second_incident_that_a_step_can_name() -> None:
    text = (
        (FOLDER / "good-night.toml").read_text(encoding="utf-8").split("# --- What must stand on the way")[0]
    )
    text = (
        text.replace('until = "03:35"', 'until = "04:00"')
        + """
[[step]]
at = "03:50"
actor = "monitoring"
act = "alert"
with.name = "DatabaseWriteErrors"
with.service = "Primary database"
[[step]]
at = "03:51"
actor = "Sarah"
act = "acknowledgements"
incident = 2
[[check]]
at = "03:52"
incident = 2
status = "open"
[[check.reading]]
clock = "ack"
word = "met"
took = 1
[expect]
status = "resolved"
"""
    )

    done = run(text)

    assert done.failures == []
    assert len(done.ends) == 2

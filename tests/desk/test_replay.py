"""Replay: the two nights as files, a file by somebody else, wrong expectations, words that are not known."""

import io
import json
import os
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from comms.models import Message
from desk.replay import driver, report
from desk.replay.driver import Run
from desk.replay.reading import read_scenario
from desk.replay.scenario import ScenarioError
from incidents.models import Client, Incident, ProtocolVersion, Service, TimelineEntry
from oncall.models import Alert
from people.models import Team, User

FOLDER = Path(__file__).resolve().parents[2] / "scenarios"
NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def night(name: str) -> str:
    return (FOLDER / f"{name}-night.toml").read_text(encoding="utf-8")


def run(text: str, *, keep: bool = False) -> Run:
    return driver.run(read_scenario(text, driver.acts()), keep=keep, now=NOW)


@pytest.mark.django_db
@pytest.mark.ledger("CLK-39", "INC-14", "APP-02")
@pytest.mark.parametrize("name", ["good", "bad"])
def test_a_night_comes_to_every_figure_of_its_file(name: str) -> None:
    done = run(night(name))

    assert done.failures == [], report.as_text(done)


def docs() -> str:
    return (FOLDER.parent / "docs" / "scenarios.md").read_text(encoding="utf-8")


def example() -> str:
    """The small file that docs/scenarios.md shows whole."""
    found = re.search(r"## The whole of a small file\n+```toml\n(.*?)```", docs(), re.DOTALL)
    assert found
    return found[1]


def call(path: Path, *options: str) -> tuple[int, str]:
    """Exit status and output of the command, as a shell would see them."""
    out = io.StringIO()
    try:
        call_command("replay", str(path), *options, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    except CommandError as error:
        return error.returncode, str(error)
    return 0, out.getvalue()


@pytest.mark.django_db
def test_the_file_shown_in_the_documentation_runs_as_it_stands() -> None:
    done = run(example())

    assert done.failures == [], report.as_text(done)


def test_the_documentation_names_every_act_with_its_arguments_every_clock_word_and_milestone() -> None:
    text = docs()
    table = text.partition("### Acts of monitoring")[2].partition("## What is expected")[0]
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| ([^|]*) \|", table, re.MULTILINE))

    for act, arguments in driver.acts().items():
        told = {each.strip().rstrip("*") for each in rows[act].split(",") if each.strip()}
        assert told == set(arguments), act
    protocol = read_scenario(example(), driver.acts()).protocol
    words = set(re.findall(r"[\w.]+", text))
    assert {clock.id for clock in protocol.clocks if clock.kind != "chain"} <= words
    assert protocol.milestones.keys() | protocol.settings.keys() <= words


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        ('by = 130', 'by = 131', "clock ic, 1. by expected 131, seen 130"),
        ('due = "03:17"\nat = "03:20"', 'due = "03:18"\nat = "03:20"', "clock theory, 1. due expected 03:18, seen 03:17"),
        ('word = "late"', 'word = "met"', "clock theory, 1. word expected met, seen late"),
        ('"to mitigation" = 98', '"to mitigation" = 97', "duration 'to mitigation' expected 97 min, seen 98 min"),
        ('"to approval" = "none"', '"to approval" = 83', "duration 'to approval' expected 83 min, seen none"),
        ('declared = "none"', 'declared = "02:52"', "milestone declared expected 02:52, seen none"),
        ('impact_ended = "05:00"', 'impact_ended = "none"', "milestone impact_ended expected none, seen 05:00"),
        ('impact_minutes = 133', 'impact_minutes = 20', "impact_minutes expected 20, seen 133"),
        ('unauthorised = [1, 2, 3]', 'unauthorised = [1, 2]', "unauthorised expected 1, 2, seen 1, 2, 3"),
        ('status = "open"\nseverity', 'status = "closed"\nseverity', "status expected closed, seen open"),
        ('minute = [13, 13, 73]', 'minute = [13, 13, 72]', "expected at minute 13, 13, 72, seen at 13, 13, 73"),
        ('met = 5\nof = 15', 'met = 6\nof = 15', "marks, met expected 6, seen 5"),
        ('gates = ["GATE-01"]', 'gates = ["GATE-02"]', "expected a refusal by GATE-02, seen by GATE-01"),
        ('says = "Take the seat', 'says = "Take the chair', "expected the words 'Take the chair of Incident Commander'"),
        ('clock = "executive"\nword = "not started"', 'clock = "executive"\nword = "missed"', "word expected missed, seen not started"),
    ],
)  # fmt: skip
def test_a_wrong_expectation_fails_with_what_was_expected_and_seen(
    right: str, wrong: str, sentence: str
) -> None:
    text = night("bad")
    assert right in text

    done = run(text.replace(right, wrong, 1))

    assert len(done.failures) == 1
    assert sentence in done.failures[0]


@pytest.mark.django_db
def test_an_act_that_comes_to_something_else_fails_and_names_its_step_and_line() -> None:
    refused_as_done = night("bad").replace(
        'expect = "refused"\ngates = ["GATE-01"]\nheadline = "GATE-01"\n', 'expect = "done"\n'
    )
    done_as_refused = night("bad").replace(
        'with.text = "Settling"', 'with.text = "Settling"\nexpect = "refused"'
    )

    first, second = run(refused_as_done).failures[0], run(done_as_refused).failures[0]

    assert re.match(
        r"Step 18 \(line \d+, 04:20, DBA, starts\): expected done, seen refused by GATE-01: ", first
    )
    assert re.match(r"Step 21 \(line \d+, 04:40, DBA, entries\): expected refused, seen done: ", second)


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        (
            'act = "done-changes"',
            'act = "done-change"',
            "'done-change' is no act here. Did you mean 'done-changes'?",
        ),
        ('actor = "DBA"', 'actor = "DAB"', "'DAB' is no actor here. Did you mean 'DBA'?"),
        (
            'with.target = "Batch host"',
            'with.targets = "Batch host"',
            "'targets' is no word here. Did you mean 'target'?",
        ),
        ('expect = "refused"', 'expect = "rejected"', "'rejected' is no outcome here."),
        ('at = "02:50"', 'at = "2.50"', "'2.50' is no time."),
        ('at = "02:50"', 'at = "02:46"', "lies before the step above it, 02:48"),
    ],
)
def test_a_word_that_is_not_known_is_told_with_its_step_and_line(
    right: str, wrong: str, sentence: str
) -> None:
    with pytest.raises(ScenarioError) as raised:
        read_scenario(night("bad").replace(right, wrong, 1), driver.acts())

    assert sentence in raised.value.problems[0]
    assert re.match(r"Step \d+ \(line \d+", raised.value.problems[0])


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        ('roles = ["sme"]', 'roles = ["dba"]', "Person DBA: 'dba' is no role here."),
        ('escalation = ["Mike"', 'escalation = ["Mika"', "Team Database: 'Mika' is no person here. Did you mean 'Mike'?"),
        ('team = "Database"\ncritical', 'team = "Databases"\ncritical', "Service Primary database: 'Databases' is no team here."),
        ('zone = "UTC"', 'zone = "Mars/Base"', "there is no time zone 'Mars/Base'"),
        ('start = 2026-03-14', 'begin = 2026-03-14', "The file: 'begin' is no word here."),
        ('until = "05:00"', 'until = "04:00"', "until: 04:00 lies before the last step, 05:00."),
        ('until = "05:00"\n', '', "The file needs its end"),
        ('clock = "theory"\nword', 'clock = "theories"\nword', "reading 8: 'theories' is no clock. Did you mean 'theory'?"),
        ('word = "missed"', 'word = "lost"', "'lost' is no word of a reading."),
        ('"to mitigation" = 98', '"to mitigate" = 98', "[expect], durations: 'to mitigate' is no word here."),
        ('impact_ended = "05:00"', 'impact_over = "05:00"', "[expect], milestones: 'impact_over' is no word here."),
        ('[expect.marks]', '[policy]\n"clock.acc" = 3\n[expect.marks]', "[policy]: 'clock.acc' is no word here. Did you mean"),
        ('[expect.marks]', '[policy]\n"clock.ack" = "soon"\n[expect.marks]', "Policy clock.ack must be a number of minutes"),
        ('name = "Data', 'name = Data', "The file is not valid TOML"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_run_says_why(right: str, wrong: str, sentence: str) -> None:
    text = night("bad")
    assert right in text

    with pytest.raises(ScenarioError) as raised:
        read_scenario(text.replace(right, wrong, 1), driver.acts())

    assert any(sentence in problem for problem in raised.value.problems), raised.value.problems


def counts() -> list[int]:
    models: list[Any] = [
        Incident,
        TimelineEntry,
        Team,
        User,
        Service,
        Client,
        Alert,
        Message,
        ProtocolVersion,
    ]
    return [model.objects.count() for model in models]


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
def test_the_same_file_runs_beside_a_catalogue_that_has_its_names_already() -> None:
    run(night("good"), keep=True)

    done = run(night("good"))

    assert done.ok, report.as_text(done)


@pytest.mark.django_db
def test_the_command_says_what_came_and_exits_zero(tmp_path: Path) -> None:
    status, text = call(FOLDER / "good-night.toml")

    assert status == 0
    assert (
        "03:29:59 Sarah       resolutions: refused by GATE-08. Resolve opens at 03:30:00 UTC, in 0:01" in text
    )
    assert "Blast radius                    missed, open 33 min past due, due 02:57, ended 03:30" in text
    assert "to resolution                   43" in text
    assert "Everything came as expected. Nothing was kept." in text


@pytest.mark.django_db
def test_the_command_exits_one_where_something_differs_and_two_where_the_file_cannot_be_run(
    tmp_path: Path,
) -> None:
    wrong, broken = tmp_path / "wrong.toml", tmp_path / "broken.toml"
    wrong.write_text(example().replace("impact_minutes = 23", "impact_minutes = 24"))
    broken.write_text(example().replace('act = "seats"', 'act = "chairs"'))

    assert call(wrong) == (1, call(wrong)[1])
    assert "[expect]: impact_minutes expected 24, seen 23." in call(wrong)[1]
    status, text = call(broken)
    assert status == 2
    assert "Step 2 (line" in text
    assert "'chairs' is no act here" in text
    assert call(tmp_path / "none.toml")[0] == 2


@pytest.mark.django_db
def test_the_json_of_a_run_holds_steps_readings_milestones_durations_and_marks() -> None:
    status, text = call(FOLDER / "bad-night.toml", "--json")

    told = json.loads(text)
    assert status == 0
    assert (told["ok"], told["failures"]) == (True, [])
    refused = next(step for step in told["steps"] if step["outcome"] == "refused")
    assert (refused["act"], refused["gates"], refused["at"]) == (
        "starts",
        ["GATE-01"],
        "2026-03-14T04:20:00.000000Z",
    )
    (incident,) = told["incidents"]
    ic = next(reading for reading in incident["readings"] if reading["clock"] == "ic")
    assert (ic["word"], ic["by"], ic["due"]) == ("overdue", 130, "2026-03-14T02:50:00.000000Z")
    assert incident["milestones"]["impact_ended"] == "2026-03-14T05:00:00.000000Z"
    assert (incident["durations"]["to mitigation"], incident["impact_minutes"]) == (98, 133)
    assert {mark["id"] for mark in incident["marks"] if mark["met"]} == {"ack", "ROLE-29"}


CAST = """
name = "Small"
start = 2026-03-10
until = "12:00"
[[person]]
name = "Ada"
roles = ["ic", "engineer"]
[[person]]
name = "Ben"
roles = ["engineer"]
[[person]]
name = "Cleo"
roles = ["manager"]
[[team]]
name = "Core"
escalation = ["Ada", "Ben"]
manager = "Cleo"
[[client]]
name = "Bank"
[[service]]
name = "API"
team = "Core"
clients = ["Bank"]
[[step]]
at = "10:00"
actor = "monitoring"
act = "alert"
with.name = "Errors"
with.service = "API"
"""


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
def test_a_figure_and_a_setting_of_the_file_hold_for_its_run() -> None:
    text = CAST.replace(
        "[[person]]", '[settings]\nintake_critical = 2\n[policy]\n"clock.ack" = 7\n[[person]]', 1
    )
    text += """
[[check]]
at = "10:01"
[[check.reading]]
clock = "ack"
word = "running"
due = "10:07"
left = 6
[[check.reading]]
clock = "leadership"
word = "not started"
"""

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


def test_where_no_desk_runs_the_command_brings_a_database_of_its_own_and_removes_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    without = {
        name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "DESK_"))
    }
    environment = without | {
        "DATA_DIR": str(tmp_path / "none"),
        "DATABASE_URL": "postgresql://desk_app@127.0.0.1:9/desk",
    }
    before = set(Path(tempfile.gettempdir()).glob("desk-replay-*"))

    done = subprocess.run(
        [sys.executable, "manage.py", "replay", "scenarios/bad-night.toml", "--json"],
        cwd=FOLDER.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"]
    assert set(Path(tempfile.gettempdir()).glob("desk-replay-*")) == before

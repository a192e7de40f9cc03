"""Files to replay: what their documentation says, wrong expectations, words that are not known."""

import re

import pytest

from desk.replay import driver, report
from desk.replay.reading import read_scenario
from desk.replay.scenario import ScenarioError
from tests.desk.replays import CAST, docs, example, night, run


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
        starred = {each.strip(" *") for each in rows[act].split(",") if each.strip().endswith("*")}
        form = driver.form_of(act)
        assert starred == {name for name, field in form.model_fields.items() if field.is_required()}, act
    protocol = read_scenario(example(), driver.acts()).protocol
    words = set(re.findall(r"[\w.]+", text))
    assert {clock.id for clock in protocol.clocks if clock.kind != "chain"} <= words
    assert protocol.milestones.keys() | protocol.settings.keys() <= words


def test_a_setting_that_is_a_table_takes_words_of_any_characters() -> None:
    text = example().replace(
        "[settings]\n", '[settings]\nalerts_severities = { "not ok" = "warning", "p.1" = "critical" }\n', 1
    )

    protocol = read_scenario(text, driver.acts()).protocol

    assert protocol.settings["alerts_severities"] == {"not ok": "warning", "p.1": "critical"}


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

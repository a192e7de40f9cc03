"""The command that replays a file: its exit status, its JSON, a database of its own."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.desk.replays import FOLDER, call, example


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

"""The smallest scenarios of single rules (`stories/`): each file says in `about` which rule it holds."""

from pathlib import Path

import pytest

from desk.replay import report
from tests.desk.replays import run

STORIES = sorted((Path(__file__).parent / "stories").glob("*.toml"))


@pytest.mark.django_db
@pytest.mark.parametrize("file", STORIES, ids=lambda file: file.stem)
def test_a_scenario_of_one_rule_comes_to_what_it_expects(file: Path) -> None:
    done = run(file.read_text(encoding="utf-8"))

    assert done.failures == [], report.as_text(done)

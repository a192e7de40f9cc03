"""Files to replay, and what running one comes to."""

import io
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management import CommandError, call_command

from comms.models import Message
from desk.replay import driver
from desk.replay.driver import Run
from desk.replay.reading import read_scenario
from incidents.models import Client, Incident, ProtocolVersion, Service, TimelineEntry
from oncall.models import Alert
from people.models import Team, User

FOLDER = Path(__file__).resolve().parents[2] / "scenarios"


NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def night(name: str) -> str:
    """The file of one of the two nights."""
    return (FOLDER / f"{name}-night.toml").read_text(encoding="utf-8")


def run(text: str, *, keep: bool = False) -> Run:
    """What a file comes to."""
    return driver.run(read_scenario(text, driver.acts()), keep=keep, now=NOW)


def docs() -> str:
    """The page that tells how such a file is written."""
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


def counts() -> list[int]:
    """How many rows there are of all that a run makes."""
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

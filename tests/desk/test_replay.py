"""Replay: the two nights as files, a file by somebody else, wrong expectations, words that are not known."""

import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from comms.models import Message
from desk.replay import driver, report
from desk.replay.driver import Run
from desk.replay.scenario import ScenarioError, read_scenario
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
@pytest.mark.parametrize("name", ["good", "bad"])
def test_a_night_comes_to_every_figure_of_its_file(name: str) -> None:
    done = run(night(name))

    assert done.failures == [], report.as_text(done)

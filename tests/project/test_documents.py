"""What the documents promise is there: every command is told, every target has a rule."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
OURS = ("desk", "incidents", "people", "comms", "oncall", "runbooks", "incidentdesk.kernel")


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_every_command_of_the_desk_is_told_to_operators() -> None:
    table = read("docs/operations.md").partition("## Commands")[2].partition("\n## ")[0]
    told = set(re.findall(r"`manage\.py (\w+)", table))

    assert told >= {name for name, app in get_commands().items() if app in OURS}
    assert told <= set(get_commands())


@pytest.mark.parametrize("path", ["Makefile"])
def test_every_target_that_make_names_has_a_rule(path: str) -> None:
    text = read(path)

    named = {name for line in re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE) for name in line.split()}

    assert named <= set(re.findall(r"^([\w.-]+):", text, re.MULTILINE))
    assert named >= {"run", "test", "check"}


@pytest.mark.parametrize("path", ["README.md", "docs/guide/README.md", "docs/operations.md"])
def test_a_command_of_make_that_is_named_exists(path: str) -> None:
    rules = set(re.findall(r"^([\w.-]+):", read("Makefile"), re.MULTILINE))

    assert set(re.findall(r"`make ([a-z-]+)", read(path))) <= rules

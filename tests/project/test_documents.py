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


def test_packages_are_installed_by_hash_and_from_wheels_alone() -> None:
    lines = [
        line
        for path in ("tools/install", "Makefile", "Dockerfile")
        for line in read(path).splitlines()
        if re.search(r"pip (install|sync)", line)
    ]

    assert len(lines) >= 4
    assert all("--require-hashes" in line and "--only-binary :all:" in line for line in lines)


def test_every_image_can_be_given_by_digest() -> None:
    """The documents name each, and nothing of the deployment stands on a tag that cannot be replaced."""
    compose, dockerfile = read("docker-compose.yml"), read("Dockerfile")
    told = read("docs/operations.md").partition("### Images by digest")[2].partition("\n## ")[0]
    images = re.findall(r"image: (.*)", compose) + re.findall(r"^FROM (.*)", dockerfile, re.MULTILINE)

    assert len(images) == 3
    for image in images:
        name = re.fullmatch(r"\$\{(\w+)(?::-[^}]+)?\}", image)
        assert name and f"`{name[1]}`" in told

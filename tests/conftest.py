"""What every test stands on: its worker's own PostgreSQL database, as the application's role, and its own Valkey."""

import os
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from django.db import connections
from django.test import TransactionTestCase
from pytest_django.plugin import DjangoDbBlocker

from tests import chromium, house

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MEASURED: Final = ("tests/faults/", "tests/journeys/")


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: DjangoDbBlocker) -> Generator[None, None, None]:
    """The worker's database is a clone of the migrated template; Django creates and flushes nothing."""
    house.clone()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", _start_anew)
        yield
    with django_db_blocker.unblock():
        connections.close_all()


@pytest.fixture(autouse=True)
def seen(monkeypatch: pytest.MonkeyPatch) -> Path:
    """What this host remembers of its database is no test's business but the one that asks: times of tests go back."""
    from django.conf import settings

    path = settings.DATA_DIR / f"last-seen-{os.environ['DESK_TEST_DATABASE']}"
    path.unlink(missing_ok=True)
    monkeypatch.setattr("incidents.installation.SEEN", path)
    return Path(path)


@pytest.fixture(scope="session")
def browser() -> "Generator[Browser, None, None]":
    """The one Chromium of the browser lane: Playwright runs once a process."""
    from playwright.sync_api import sync_playwright  # only this lane needs it

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=chromium.path(), args=[flag for flag in chromium.flags() if flag != "--headless"]
        )
        yield made
        made.close()


def _start_anew(case: Any) -> None:
    """After a test that committed: a fresh clone, on the owner's connection. The application's role may empty nothing,
    and a clone brings back rows that migrations made."""
    connections.close_all()
    house.clone()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A row of the ledger may be cited three at a time at most; more would prove nothing about each. A browser is driven
    in the folders of the browser lane alone; elsewhere no lane would run the test."""
    for item in items:
        if item.get_closest_marker("browser") and item.path.parent.name not in ("browser", "journeys"):
            raise pytest.UsageError(
                f"{item.nodeid} drives a browser outside tests/browser and tests/journeys."
            )
        rows = [row for mark in item.iter_markers("ledger") for row in mark.args]
        if len(rows) > 3:
            raise pytest.UsageError(f"{item.nodeid} cites {len(rows)} rows of the ledger; three at most.")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What a fault or a journey measured is part of its result: how many kills, how many operations, what was lost."""
    told = [
        line
        for report in terminalreporter.getreports("passed")
        if report.when == "call" and report.nodeid.startswith(MEASURED)
        for line in report.capstdout.splitlines()
    ]
    if told:
        terminalreporter.section("measured")
        for line in told:
            terminalreporter.write_line(line)

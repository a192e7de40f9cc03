"""The running desks that tests of this folder share. A fault that leaves a desk healthy leaves it to the next test."""

from collections.abc import Generator

import pytest

from tests.faults.place import Place, place


@pytest.fixture(scope="session")
def calm() -> Generator[Place, None, None]:
    """A desk whose minute is a minute: nothing falls due while a test strikes it."""
    with place() as made:
        yield made


@pytest.fixture(scope="module")
def hurried() -> Generator[Place, None, None]:
    """A desk whose protocol minute takes two seconds."""
    with place(DEMO="1", MINUTE_SECONDS="2") as made:
        yield made


@pytest.fixture(scope="session")
def watched() -> Generator[Place, None, None]:
    """A desk that looks every two seconds whether it works and pings a monitor, and that pages a person every six."""
    with place(AUDIT_SECONDS="2", DEADMAN_PATH="/ok/monitor", PAGE_SECONDS="6") as made:
        yield made

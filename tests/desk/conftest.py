"""What several tests of the desk begin with."""

import pytest
from django.core.cache import caches

from tests.desk.nights import Night


@pytest.fixture
def fresh_counters() -> None:
    """No request of another test counts towards a limit."""
    caches["redis"].clear()


@pytest.fixture
def night() -> Night:
    """Three people on call for one service."""
    return Night()

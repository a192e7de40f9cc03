"""What several tests of the desk begin with."""

import pytest
from django.core.cache import caches

from people.models import User
from tests.desk.nights import Night
from tests.factories import commander
from tests.people.factories import make_user


@pytest.fixture
def fresh_counters() -> None:
    """No request of another test counts towards a limit."""
    caches["redis"].clear()


@pytest.fixture
def night() -> Night:
    """Three people on call for one service."""
    return Night()


@pytest.fixture
def sarah() -> User:
    """Qualified to command."""
    return commander("Sarah Okafor")


@pytest.fixture
def alex() -> User:
    """An engineer who lives by another clock than UTC."""
    return make_user("Alex Kim", roles=("engineer",), zone="Europe/Berlin")

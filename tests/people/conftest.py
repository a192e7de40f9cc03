"""What tests of people share."""

import pytest
from django.test import Client


@pytest.fixture
def browser() -> Client:
    """A browser on this machine that checks CSRF like a real one would be checked."""
    return Client(SERVER_NAME="127.0.0.1", REMOTE_ADDR="127.0.0.1")

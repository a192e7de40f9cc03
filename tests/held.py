"""A transaction of another process that stands still: it did something and neither commits nor rolls back."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import psycopg


@contextmanager
def held(statement: str, *parameters: Any) -> Generator[None, None, None]:
    """The locks of one statement, run as the application's role, while the block runs. It is rolled back at the end."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as other:
        other.execute(statement, parameters)  # type: ignore[arg-type]  # a test's own words
        yield
        other.rollback()

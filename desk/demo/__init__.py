"""The demonstration: Northline Payments with its catalogue, its runbooks and three incidents that are over. Twice is safe."""

from datetime import datetime

from desk.demo import catalogue, past, runbooks
from people import demo as people


def fill(*, now: datetime) -> bool:
    """Make what is not there yet; whether past incidents were made now. `now` is aware UTC."""
    cast = people.make()
    catalogue.make()
    runbooks.make(now=now)
    return past.make(cast, now=now)

"""The demonstration: Northline Payments with its catalogue and three incidents that are over. Twice is safe."""

from datetime import datetime

from desk.demo import catalogue, past
from people import demo as people


def fill(*, now: datetime) -> bool:
    """Make what is not there yet; whether past incidents were made now. `now` is aware UTC."""
    cast = people.make()
    catalogue.make()
    return past.make(cast, now=now)

"""Deadline rows: what has fired has fired for ever."""

from datetime import UTC, datetime

import pytest

from incidents import deadlines
from incidents.models import Deadline
from tests.comms.makers import make_incident

NOW = datetime(2026, 3, 14, 2, 47, tzinfo=UTC)
KEY = ("ic", "", 1, "overdue")


def row(state: str, fired_at: datetime | None) -> Deadline:
    return Deadline.objects.create(
        incident=make_incident(), clock="ic", subject="", occurrence=1, step="overdue", due_at=NOW, driven=False,
        state=state, fired_at=fired_at,
    )  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "fired_at", "after"),
    [("armed", None, ("cancelled", None)), ("fired", NOW, ("fired", NOW))],
)
def test_only_what_is_armed_falls_away(
    state: str, fired_at: datetime | None, after: tuple[str, object]
) -> None:
    made = row(state, fired_at)

    deadlines.apply([deadlines.Shift(made.incident_id, False, {}, [], {KEY: "cancelled"})], now=NOW)

    made.refresh_from_db()
    assert (made.state, made.fired_at) == after

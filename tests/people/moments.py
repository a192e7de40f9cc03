"""The moment tests begin at: the night the clocks change in Europe, an hour before they do."""

from datetime import UTC, datetime

T0 = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)

"""Warnings that fire and belong to no open incident (decisions 12): one condition for the Desk, its poll and the API."""

from typing import Final


def firing(of: str) -> str:
    """The condition on a row of the table or alias `of`. The index alert_unattached finds it among however many alerts."""
    return f"{of}.incident_id IS NULL AND {of}.state = 'firing' AND {of}.fired AND NOT {of}.critical AND NOT {of}.pending"


# A text that differs once one of them came, went, or reads otherwise.
CURSOR: Final = f"""
SELECT count(*) || '.' || coalesce(sum(a.id + hashtext(a.summary)), 0) FROM oncall_alert a WHERE {firing("a")}
"""  # noqa: S608  (texts of our own)

"""What an alert says in an entry and in a mail."""

from oncall import alerts
from oncall.identity import Waiting


def texts(alert: Waiting) -> dict[str, str]:
    return {**alerts.named(alert.name, alert.labels), "summary": alert.summary, "value": alert.value}


def which(alert: Waiting) -> str:
    """An alert in a mail: its name, its labels, its reading."""
    told = alerts.named(alert.name, alert.labels)
    parts = [told.get("labels", ""), f"value {alert.value}" if alert.value else ""]
    beside = "; ".join(part for part in parts if part)
    return f"{alert.name} ({beside})" if beside else alert.name

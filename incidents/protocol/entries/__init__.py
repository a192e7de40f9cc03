"""What each kind of entry does to a state: one module for a family of kinds, all registered with this package."""

from incidents.protocol.entries import alerts, changes, impact, lifecycle, log, seats

__all__ = ["alerts", "changes", "impact", "lifecycle", "log", "seats"]

"""The guards: each word of `needs` in the protocol is one function, in the module of its topic. Importing this package
registers them all."""

from incidents.protocol.guards import changes, recovery, seats, status, updates

__all__ = ["changes", "recovery", "seats", "status", "updates"]

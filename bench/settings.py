"""The shipped settings and nothing else, but for the addresses of two views to compare with."""

from incidentdesk.settings import *  # noqa: F403  (all of them is the point)

ROOT_URLCONF = "bench.urls"

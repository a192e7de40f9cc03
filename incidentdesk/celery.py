"""The Celery app and everything that beat rings, as one table. Celery carries doorbells only: losing every one of
them costs at most one tick, because all that is due stands in PostgreSQL."""

import os

from celery import Celery
from celery.signals import worker_shutting_down

from incidentdesk.kernel import leaving

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "incidentdesk.settings")

app = Celery("incidentdesk")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# A worker waits for its tasks before it ends; with a backlog they would go on for longer than anybody waits for it.
worker_shutting_down.connect(leaving.ask)

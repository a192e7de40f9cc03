"""The Celery app and everything that beat rings, as one table. Celery carries doorbells only: losing every one of
them costs at most one tick, because all that is due stands in PostgreSQL."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "incidentdesk.settings")

app = Celery("incidentdesk")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

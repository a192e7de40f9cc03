"""The project: wires everything, decides nothing."""

# Without this import a task sent from a process that never loaded the app would go to a broker nobody set up.
from incidentdesk.celery import app as celery_app

__all__ = ["celery_app"]

"""Long work hears of it when its process shall end."""

from celery.signals import worker_shutting_down

from incidentdesk import celery as _  # noqa: F401  (listens)
from incidentdesk.kernel import leaving


def test_a_worker_that_shuts_down_asks_its_tasks_to_end() -> None:
    before = leaving.asked()

    try:
        worker_shutting_down.send(sender="worker@here", sig="SIGTERM", how="Warm", exitcode=0)
        after = leaving.asked()
    finally:
        leaving._asked.clear()

    assert (before, after) == (False, True)

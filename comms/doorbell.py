"""A knock at the workers' door after a commit. Nothing depends on it: a lost knock costs at most one tick (F5, F6)."""

import logging
import time
from typing import Final

from celery import current_app

DELIVER: Final = "comms.tasks.deliver_due"
REST_SECONDS: Final = 30.0
EXPIRES_SECONDS: Final = 10

logger = logging.getLogger(__name__)
_rests_until = 0.0


def ring(task: str = DELIVER) -> None:
    """Ask a worker to deliver, or to do another task by its name.

    Never raises; after a failure the broker is left alone for 30 s, so that no act waits on it.
    """
    global _rests_until
    if time.monotonic() < _rests_until:
        return
    try:
        # By name, since the tasks stand above this module; without retry, which would hold the caller for seconds.
        current_app.send_task(task, retry=False, expires=EXPIRES_SECONDS, ignore_result=True)
    except Exception as error:
        _rests_until = time.monotonic() + REST_SECONDS
        logger.warning("The doorbell did not ring (%s); the next tick does the work.", type(error).__name__)

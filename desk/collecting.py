"""Static files under hashed names are made before the web starts, where nobody has made them (docs/operations.md)."""

import fcntl
import logging
from typing import Final

from django.conf import settings
from django.core.management import call_command

MANIFEST: Final = "staticfiles.json"
logger = logging.getLogger(__name__)


def collect_missing() -> bool:
    """Collect the static files if STATIC_ROOT has no manifest; whether it did. Of several processes one does, the others
    wait. Where the folder cannot be written the reason is logged, and `/readyz` says what is missing.
    """
    root = settings.STATIC_ROOT
    if settings.TESTING or (root / MANIFEST).is_file():
        return False
    try:
        root.mkdir(parents=True, exist_ok=True)
        with (root / ".collecting").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (root / MANIFEST).is_file():
                return False
            call_command("collectstatic", interactive=False, verbosity=0)
    except OSError as error:
        logger.error("The static files could not be collected in %s: %s", root, error)
        return False
    logger.warning("The static files were missing and have been collected in %s.", root)
    return True

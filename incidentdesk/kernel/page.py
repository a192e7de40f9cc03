"""What every template may use beside its own context."""

import uuid
from typing import Any

from django.conf import settings
from django.http import HttpRequest


def page(request: HttpRequest) -> dict[str, Any]:
    """A context processor: `new_id`, a fresh request id each time it is printed, and the page's intervals in ms."""
    return {
        "new_id": uuid.uuid4,
        "poll_ms": int(settings.POLL_SECONDS * 1000),
        "hidden_poll_ms": int(settings.HIDDEN_POLL_SECONDS * 1000),
        "stale_ms": int(settings.STALE_SECONDS * 1000),
    }

"""Data that comes over plain http to a desk that has https is told to come again."""

import json
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, HttpResponsePermanentRedirect

_SAFE = frozenset({"GET", "HEAD"})


class KeepData:
    """Ahead of Django's own redirect of pages: after its 301 a client asks with GET, and what it sent is lost."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """308 keeps method and body. Whoever does not follow it reads where to send instead; nothing was stored here."""
        if request.method in _SAFE or not settings.SECURE_SSL_REDIRECT or request.is_secure():
            return self.get_response(request)
        said = f"This desk takes data over https only. Nothing was stored. Send it to {settings.BASE_URL}{request.path}."
        again = HttpResponsePermanentRedirect(
            f"{settings.BASE_URL}{request.get_full_path()}",
            content_type="application/json",
            preserve_request=True,
        )
        again.content = json.dumps({"detail": said}).encode()
        return again

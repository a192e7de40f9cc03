"""Plain http at a desk that has https: a page is led there, and what sends data is told to send it there again."""

import json

from django.conf import settings
from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.middleware.security import SecurityMiddleware

_SAFE = frozenset({"GET", "HEAD"})


class Secure(SecurityMiddleware):
    """Django's own, but for the redirect of what carries data: after its 301 a client asks with GET, and the data is lost."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        """308 keeps method and body. Whoever does not follow it reads where to send instead; nothing was stored here."""
        answer = super().process_request(request)
        if answer is None or request.method in _SAFE:
            return answer
        said = f"This desk takes data over https only. Nothing was stored. Send it to {settings.BASE_URL}{request.path}."
        there = f"{settings.BASE_URL}{request.get_full_path()}"
        again = HttpResponsePermanentRedirect(there, content_type="application/json", preserve_request=True)
        again.content = json.dumps({"detail": said}).encode()
        return again

"""The content policy and its neighbours: what a browser may load, run and be framed by (S28, S29, S30)."""

import secrets
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

_POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'self'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()"


class ContentPolicy:
    """Gives each request a nonce (`request.csp_nonce`) and each answer a policy that runs only scripts that carry it.

    Pages below `settings.OWN_SCRIPT_PATHS` (the admin, which knows no nonces) may run any script of our own host;
    nothing may run an inline script, inline style, eval, or anything from elsewhere."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.own_script_paths = tuple(getattr(settings, "OWN_SCRIPT_PATHS", ()))

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the policy of this request."""
        nonce = secrets.token_urlsafe(18)
        request.csp_nonce = nonce  # type: ignore[attr-defined]  # base.html prints it
        response = self.get_response(request)
        scripts = "'self'" if request.path.startswith(self.own_script_paths) else f"'nonce-{nonce}'"
        response.headers.setdefault("Content-Security-Policy", _POLICY.format(scripts=scripts))
        response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

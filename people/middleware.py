"""Signing in before anything else, and keeping a session alive only by what a person does."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.cache import patch_vary_headers

from incidentdesk.kernel import clock
from incidentdesk.kernel.http import was_denied
from people import access, audit
from people.models import ApiToken
from people.sessions import SessionStore

_POLL_ENDS_WITH = "/live/"


class FormTooLarge(RequestDataTooBig):
    """More than a page reads of who has not signed in. `most` is bytes."""

    def __init__(self, most: int) -> None:
        super().__init__(f"more than {most} bytes")
        self.most = most


class SignInRequired(LoginRequiredMiddleware):
    """Every view asks for a sign-in unless it is declared open. A page's script is told by 401 and `HX-Redirect`,
    so that a lost session never swaps the sign-in page into a panel; the way back leads to the page, not the panel."""

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., Any], view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        """Let through what is open, what asks for itself, and whoever is signed in. Nothing of a body was read so far."""
        if access.asks_for_itself(view_func):
            return None
        if most := access.too_large(view_func, request.META.get("CONTENT_LENGTH", "")):
            raise FormTooLarge(most)
        answer: HttpResponseBase | None = super().process_view(request, view_func, view_args, view_kwargs)
        return answer

    def handle_no_permission(  # type: ignore[override]
        self, request: HttpRequest, view_func: Callable[..., Any]
    ) -> HttpResponseBase:
        """A redirect to the sign-in page, or 401 where a script asked."""
        if not (request.headers.get("HX-Request") or is_poll(request)):
            answer: HttpResponseBase = super().handle_no_permission(request, view_func)
            return answer
        path = _path(request.headers.get("HX-Current-URL", ""))
        query = urlencode({"next": path}) if path.startswith("/") else ""
        url = resolve_url(settings.LOGIN_URL) + (f"?{query}" if query else "")
        return HttpResponse(status=401, headers={"HX-Redirect": url, "Cache-Control": "private, no-store"})


def _path(address: str) -> str:
    """The path of an address; nothing of one that is none."""
    try:
        return urlsplit(address).path
    except ValueError:  # such as "http://["
        return ""


class SignedInAnswers:
    """Answers to somebody signed in are theirs alone and never stored (S30), and an ordinary request keeps their
    session alive, at most once an hour. A poll never does (RBAC-20)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, then touch the session and close the answer to caches."""
        response = self.get_response(request)
        if not getattr(request.session, "accessed", False):
            return response
        response.headers["Cache-Control"] = "private, no-store"
        patch_vary_headers(response, ("HX-Request", "HX-History-Restore-Request", "Cookie"))
        if isinstance(request.session, SessionStore) and not is_poll(request):
            request.session.touch()
        return response


class Denials:
    """Writes into the security audit that somebody known asked for what they have no right to (S34)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, and look at the answer."""
        response = self.get_response(request)
        if was_denied(request, response):
            token = getattr(request, "auth", None)  # of the API
            source = audit.Source.of(request, by=token.user if isinstance(token, ApiToken) else None)
            if source.by is not None:
                source.tally(audit.Event.DENIED, about=f"{request.method} {request.path}", now=clock.now())
        return response


def is_poll(request: HttpRequest) -> bool:
    """Whether a page's poll asks, not a person."""
    return request.path.endswith(_POLL_ENDS_WITH)

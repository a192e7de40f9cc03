"""One template for page and panel: what a request asks for, and the answer that fits."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from people.models import User

VARY = ("HX-Request", "HX-History-Restore-Request", "Cookie")


class DeskRequest(HttpRequest):
    """A request behind the sign-in: `user` is a person, `htmx` says how the page asked."""

    htmx: "HtmxDetails"
    user: "User"  # the login middleware lets nobody else through


def mark_denied(request: HttpRequest) -> None:
    """Note that a right was missing, where the answer does not say so by its status: a hidden page is a 404."""
    request.denied = True  # type: ignore[attr-defined]


def was_denied(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether the answer is that a right is missing."""
    return response.status_code == 403 or getattr(request, "denied", False)


def is_htmx(request: HttpRequest) -> bool:
    """Whether a panel is wanted. Boosted links and history restores want the whole page (trap 10)."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Boosted") != "true"
        and headers.get("HX-History-Restore-Request") != "true"
    )


def render_page_or_panel(
    request: HttpRequest,
    *,
    page: str,
    panel: str,
    context: Mapping[str, Any],
    status: int = 200,
) -> HttpResponse:
    """Render `panel` for HTMX and `page` (which includes it) otherwise; says in `Vary` what decided."""
    template = panel if is_htmx(request) else page
    response = render(request, template, dict(context), status=status)
    patch_vary_headers(response, VARY)
    return response

"""Every refusal and every fault as a page of the desk: a sentence, what to do, and a reference for the log (S36).

The pages need neither session nor database. What broke, where, and with which values stands in the log alone.
"""

import logging
import secrets
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string

from desk import answers
from incidentdesk.kernel.errors import DeskError, Hidden
from incidentdesk.kernel.http import is_htmx, mark_denied
from incidentdesk.kernel.middleware.database_trouble import server_error
from incidentdesk.kernel.seldom import Seldom
from people import access

logger = logging.getLogger(__name__)

_seldom = Seldom()
PAGES = {400, 403, 404, 409, 413, 422, 500, 503}
TOO_LARGE = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)


class Refusals:
    """Middleware, the innermost: a DeskError that a view let through is an answer for the person, no fault."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Nothing before or after; only what a view raises is of interest."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The refusal as a page, or for a page's script as the answer of its form; None for everything else."""
        return refused(request, error) if isinstance(error, DeskError) else None


def refused(request: HttpRequest, error: DeskError) -> HttpResponse:
    """The answer to a DeskError: its sentence under its status."""
    if is_htmx(request):
        return render(request, "desk/_answer.html", {"answer": answers.refused(error)}, status=error.status)
    return _page(request, error.status, sentence=error.sentence)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400: what could not be read; 413 where it was too much."""
    if isinstance(exception, TOO_LARGE):
        most = getattr(exception, "most", settings.DATA_UPLOAD_MAX_MEMORY_SIZE) // 1024
        return _page(
            request,
            413,
            sentence=f"At most {most} KiB fit into one form. Nothing was changed; shorten it and send it again.",
        )
    return _page(request, 400, log=type(exception).__name__)


def denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler403."""
    return _page(request, 403, log=type(exception).__name__)


def missing(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404: the same words for what is not there and what is not for this person (S3)."""
    if isinstance(exception.__cause__, Hidden):
        mark_denied(request)
    return _page(request, 404)


@access.open_to_all("answers a form without a valid token, whoever sent it")
def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """CSRF_FAILURE_VIEW: usually a page that was open since before a sign-in."""
    sentence = (
        "This form is from before you signed in, or came from elsewhere. Nothing was changed: go back, reload the page "
        "and send it again; what you typed is kept in this browser."
    )
    return _page(request, 403, sentence=sentence, log=f"form token: {reason}")


def _page(request: HttpRequest, status: int, *, sentence: str = "", log: str = "") -> HttpResponse:
    context = {"sentence": sentence}
    # A stranger chooses how often: a line each kind a minute, and a reference only where there is a line to look up.
    if log and _seldom.may(f"{status} {log.partition(':')[0]}"):
        context["reference"] = secrets.token_hex(4)
        logger.warning("A request was refused with %s (%s): %s", status, context["reference"], log)
    name = status if status in PAGES else 400
    return HttpResponse(render_to_string(f"errors/{name}.html", context), status=status)


__all__ = ["Refusals", "bad_request", "denied", "missing", "refused", "server_error", "stale_form"]

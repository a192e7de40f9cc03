"""A page for the time when the database is away: 503 with a sentence, and what was typed stays on the screen (F9, F16).

Needs neither database nor session. The page holds the same fields and the same request id, so that "Send again" does
once what may or may not have been done (F10). A page's script gets the answer for its form, which keeps its own text.
"""

import logging
import secrets
import sys
from collections.abc import Callable
from types import SimpleNamespace

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string

from incidentdesk.kernel import sensitive, trouble
from incidentdesk.kernel.http import is_htmx

RETRY_AFTER = "2"
FORM_TOKEN = "csrfmiddlewaretoken"  # noqa: S105  (a name: the browser's own; without it the form could not be sent again)
LONG = 80  # from this many characters on a field is shown, so that it can be copied by hand

logger = logging.getLogger(__name__)


class DatabaseTrouble:
    """Turns a database that cannot answer into an answer for the person."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Nothing before or after; only what a view raises is of interest."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer for a view that met the trouble; None for everything else."""
        return answer(request, error) if trouble.is_trouble(error) else None


def server_error(request: HttpRequest) -> HttpResponse:
    """The project's handler500: a reference and nothing else (S36); 503 where a middleware met the trouble."""
    error = sys.exc_info()[1]
    if error is not None and trouble.is_trouble(error):
        return answer(request, error)
    reference = secrets.token_hex(4)
    logger.error("A request broke (%s)", reference, exc_info=error)
    return HttpResponse(render_to_string("errors/500.html", {"reference": reference}), status=500)


def answer(request: HttpRequest, error: BaseException) -> HttpResponse:
    """The 503 for this request."""
    reference = secrets.token_hex(4)
    logger.warning(
        "The database failed a request (%s): %s", reference, type(error.__cause__ or error).__name__
    )
    trouble.let_go()
    sentence = trouble.SENTENCE if request.method == "POST" else ""
    if is_htmx(request):
        said = SimpleNamespace(
            kind="unavailable", headline=trouble.SENTENCE, blocks=(), fields={}, warnings=(), version=""
        )
        html = render_to_string("desk/_answer.html", {"answer": said})
    elif request.method == "POST":
        html = render_to_string(
            "errors/again.html",
            {"sentence": sentence, "reference": reference, "action": request.path, "fields": _typed(request)},
        )
    else:
        html = render_to_string("errors/503.html", {"reference": reference})
    return HttpResponse(
        html, status=503, headers={"Retry-After": RETRY_AFTER, "Cache-Control": "private, no-store"}
    )


def _typed(request: HttpRequest) -> list[tuple[str, str, str]]:
    """Every field that came, in order, and how it is shown; a secret is never sent back, but asked for anew."""
    try:
        posted = request.POST
    except Exception:
        # what the broken request left unread cannot be shown
        return []
    return [_shown(name, str(value)) for name, values in posted.lists() for value in values]


def _shown(name: str, value: str) -> tuple[str, str, str]:
    if name != FORM_TOKEN and sensitive.is_secret(name):
        return name, "", "secret"
    return name, value, "long" if len(value) >= LONG or "\n" in value else "hidden"

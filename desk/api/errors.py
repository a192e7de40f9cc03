"""Every refusal as JSON: `{"error": {code, sentence, blocks, fields, reference}}` under the status of its kind.

What is hidden and what is missing are the same bytes (S3), and so are an unknown, a revoked and an expired token
(F30): neither carries a reference. What breaks carries one, and nothing else about itself (S36).
"""

import logging
import secrets
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError, DataError, InterfaceError
from django.http import Http404, HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from incidentdesk.kernel import trouble
from incidentdesk.kernel.errors import DeskError, Hidden, Invalid, Missing, Stale, Unavailable
from incidentdesk.kernel.http import mark_denied
from incidentdesk.kernel.strict_json import TooLarge, Unreadable

logger = logging.getLogger(__name__)


class NoToken(DeskError):
    """Nobody is known by what came in `Authorization`."""

    status = 401
    code = "no_token"

    def __init__(self) -> None:
        super().__init__(
            "No live token came with this request. Send one as Authorization: Bearer; nothing was changed."
        )


class TooMany(DeskError):
    """More requests than a token may make in a minute, or more `bad` ones from an address; `after` is seconds to wait."""

    status = 429
    code = "too_many"

    def __init__(self, after: int, *, bad: bool = False) -> None:
        self.after = after
        made = (
            "Too many requests came without a live token" if bad else "This token has made too many requests"
        )
        super().__init__(f"{made}. Wait {after} s and send it again; nothing was changed.")


class NotTaken(DeskError):
    """A method that the address does not take; `takes` names those it does."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, method: str, takes: str) -> None:
        super().__init__(f"There is no {method} here; this address takes {takes}. Nothing was changed.")


def spelled_out(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """The view, whose bare refusal of a method becomes one of ours; `Allow` stays."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        if response.status_code != 405:
            return response
        takes = response.headers.get("Allow", "")
        refusal = respond(NotTaken(str(request.method), takes or "nothing"))
        refusal["Allow"] = takes
        return refusal

    return answered


def handle(api: NinjaAPI) -> None:
    """Give the API its answers to everything that can be raised."""
    for kind, answer in _ANSWERS.items():
        api.add_exception_handler(kind, answer)


def respond(error: DeskError, *, reference: str = "") -> JsonResponse:
    """The answer that says it."""
    body: dict[str, Any] = {
        "code": error.code,
        "sentence": error.sentence,
        "blocks": [asdict(block) for block in error.blocks],
        "fields": dict(error.fields) if isinstance(error, Invalid) else {},
        "reference": reference,
    }
    if isinstance(error, Stale):
        body["version"] = error.version
    response = JsonResponse({"error": body}, status=error.status)
    response["Cache-Control"] = "private, no-store"
    if error.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="Incident Desk"'
    if error.status in (429, 503):
        response["Retry-After"] = str(getattr(error, "after", 2))
    return response


def _desk_error(request: HttpRequest, error: DeskError) -> JsonResponse:
    if isinstance(error, Hidden):
        mark_denied(request)
    return respond(error)


def _missing(request: HttpRequest, error: Exception) -> JsonResponse:
    return respond(Missing())


def _http(request: HttpRequest, error: HttpError) -> JsonResponse:
    if isinstance(error.__cause__, DeskError):  # what the reader of bodies said
        return respond(error.__cause__)
    return respond(Unreadable("The body of this request cannot be read. Nothing was changed."))


def _invalid(request: HttpRequest, error: ValidationError) -> JsonResponse:
    return respond(Invalid(fields={str(each["loc"][-1]): str(each["msg"]) for each in error.errors}))


def _too_big(request: HttpRequest, error: Exception) -> JsonResponse:
    return respond(TooLarge("The body is larger than the desk reads. Nothing was changed."))


def _suspicious(request: HttpRequest, error: Exception) -> JsonResponse:
    return respond(Unreadable("This request cannot be read. Nothing was changed."))


def _beyond(request: HttpRequest, error: Exception) -> JsonResponse:
    return respond(Invalid("A value in this request is beyond what can be stored. Nothing was changed."))


def _database(request: HttpRequest, error: Exception) -> JsonResponse:
    if not trouble.is_trouble(error):
        return _broken(request, error)
    reference = secrets.token_hex(4)
    logger.warning(
        "The database failed a request (%s): %s", reference, type(error.__cause__ or error).__name__
    )
    trouble.let_go()
    sentence = "The desk cannot reach its database just now. Send it again with the same key; it is done once at most."
    return respond(Unavailable(sentence), reference=reference)


def _broken(request: HttpRequest, error: Exception) -> JsonResponse:
    reference = secrets.token_hex(4)
    logger.exception("A request broke (%s)", reference, exc_info=error)
    broken = DeskError(
        "Something broke on our side. Send it again with the same key; it is done once at most."
    )
    broken.status, broken.code = 500, "broken"
    return respond(broken, reference=reference)


_ANSWERS: dict[type[Exception], Any] = {
    DeskError: _desk_error,
    Http404: _missing,
    HttpError: _http,
    ValidationError: _invalid,
    RequestDataTooBig: _too_big,
    SuspiciousOperation: _suspicious,
    DataError: _beyond,
    DatabaseError: _database,
    InterfaceError: _database,
    Exception: _broken,
}

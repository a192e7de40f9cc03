"""Doors for machines that report: bytes in, 202 after the commit. No session, no form, no object on the way.

A valid source is never told to slow down, so the first alert of a new key is never refused (S20); what is slowed is an
address that keeps coming with a token that opens nothing.
"""

from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from desk import bad_tokens
from incidentdesk.kernel import clock
from oncall import alerts, quarantine
from oncall.hooks.alertmanager import parse
from oncall.hooks.strict import BODY_LIMIT, Malformed
from people import access, tokens

_UNKNOWN: Final = (
    b'{"detail": "This token opens nothing here. Ask an administrator for one with the scope alerts:write."}'
)
_TOO_MANY: Final = b'{"detail": "Too many tries with a token that opens nothing. Wait a minute."}'
_TOO_LARGE: Final = (
    "The body has more than 256 KiB. Nothing of it was stored; send fewer alerts at once (max_alerts)."
)


@access.open_to_all("a token with the scope alerts:write, checked in the statement that stores")
@csrf_exempt
@require_POST
def alertmanager(request: HttpRequest) -> HttpResponse:
    """Take in a notification of Alertmanager: 202 once it is committed, with what became of it."""
    token = tokens.bearer(request.META.get("HTTP_AUTHORIZATION", ""))
    body = _read(request)
    if body is None:
        return _refuse(request, token, b"", Malformed(_TOO_LARGE, f"byte {BODY_LIMIT}"), status=413)
    try:
        notification = parse(body)
    except Malformed as fault:
        return _refuse(request, token, body, fault, status=400)
    stored = alerts.store(token, notification.alerts)
    if not stored.known:
        return _unknown(request)
    if notification.aside:
        faults = [(each.reason, each.position) for each in notification.aside]
        quarantine.keep(stored.source, faults, body, now=clock.now())
    return JsonResponse(
        {"alerts": stored.alerts, "new": stored.new, "quarantined": len(notification.aside)}, status=202
    )


def _read(request: HttpRequest) -> bytes | None:
    """The body, or None when it is longer than is read here; never more than that is held, chunked or not."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if length.isdigit():
        return request.read(BODY_LIMIT + 1) if int(length) <= BODY_LIMIT else None
    # Without a length Django reads nothing; the server ends a chunked body itself.
    if "chunked" not in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        return b""
    parts, size = [], 0
    while part := request.environ["wsgi.input"].read(BODY_LIMIT + 1 - size):  # type: ignore[attr-defined]  # a WSGI request
        parts.append(part)
        size += len(part)
        if size > BODY_LIMIT:
            return None
    return b"".join(parts)


def _refuse(request: HttpRequest, token: str, body: bytes, fault: Malformed, *, status: int) -> HttpResponse:
    """Say where the body is at fault and keep it for people; to a token that opens nothing, only that."""
    stored = alerts.store(token, ())
    if not stored.known:
        return _unknown(request)
    quarantine.keep(stored.source, [(fault.reason, fault.position)], body, now=clock.now())
    return JsonResponse({"detail": fault.reason, "position": fault.position}, status=status)


def _unknown(request: HttpRequest) -> HttpResponse:
    """One answer for unknown, revoked and expired tokens and for those of another scope (F30)."""
    if bad_tokens.too_many(request, now=clock.now()):
        return HttpResponse(
            _TOO_MANY,
            status=429,
            content_type="application/json",
            headers={"Retry-After": str(bad_tokens.PER)},
        )
    return HttpResponse(
        _UNKNOWN, status=401, content_type="application/json", headers={"WWW-Authenticate": "Bearer"}
    )

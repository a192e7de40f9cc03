"""Doors for machines that report: bytes in, 202 after the commit. No session, no form, no object on the way.

Authenticate first, read second, parse third: not a byte of a body is read for a token that opens nothing. A valid source
is never told to slow down, so the first alert of a new key is never refused (S20); what is slowed is an address that
keeps coming with a token that opens nothing.
"""

from collections.abc import Sequence
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from desk import bad_tokens
from incidentdesk.kernel import clock
from oncall import alerts, quarantine, senders
from oncall.hooks.alertmanager import Aside, parse
from oncall.hooks.walk import BODY_LIMIT, Malformed
from oncall.quarantine import Fault
from people import access, audit, tokens
from people.models import User

_UNKNOWN: Final = (
    b'{"detail": "This token opens nothing here. Ask an administrator for one with the scope alerts:write."}'
)
_TOO_MANY: Final = b'{"detail": "Too many tries with a token that opens nothing. Wait a minute."}'
_TOO_LARGE: Final = (
    "The body is larger than 4 MiB. No alert was stored. Send at most 1,000 alerts (max_alerts)."
)


@access.open_to_all(
    "a token with the scope alerts:write, checked before the body is read and where it is stored",
    reads=None,
)
@csrf_exempt
@require_POST
def alertmanager(request: HttpRequest) -> HttpResponse:
    """Take in a notification of Alertmanager or Grafana: 202 once it is committed, with what became of it."""
    token = tokens.bearer(request.META.get("HTTP_AUTHORIZATION", ""))
    if not senders.may_send(token):
        return _unknown(request)
    body, fits = _read(request)
    if not fits:
        return _refuse(request, token, body, Malformed(_TOO_LARGE, f"byte {BODY_LIMIT}"), status=413)
    try:
        notification = parse(body, senders.words())
    except Malformed as fault:
        return _refuse(request, token, body, fault, status=400)
    stored = alerts.store(token, notification.alerts)
    if not stored.known:
        senders.forget(token)
        return _unknown(request)
    if stored.noted:
        _trace(request, stored)
    if notification.aside:
        _set_aside(token, notification.aside)
    return JsonResponse(
        {"alerts": stored.alerts, "new": stored.new, "quarantined": len(notification.aside)}, status=202
    )


def _read(request: HttpRequest) -> tuple[bytes, bool]:
    """The body and whether that is all of it: of one that is too long, what is kept for people. Chunked or not."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if length.isdigit():
        fits = int(length) <= BODY_LIMIT
        return request.read(BODY_LIMIT if fits else quarantine.BODY_KEPT), fits
    # Without a length Django reads nothing; the server ends a chunked body itself.
    if "chunked" not in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        return b"", True
    parts, size = [], 0
    while part := request.environ["wsgi.input"].read(BODY_LIMIT + 1 - size):  # type: ignore[attr-defined]  # a WSGI request
        parts.append(part)
        size += len(part)
        if size > BODY_LIMIT:
            return b"".join(parts), False
    return b"".join(parts), True


def _refuse(request: HttpRequest, token: str, body: bytes, fault: Malformed, *, status: int) -> HttpResponse:
    """Say where the body is at fault and keep it for people; to a token that was revoked meanwhile, only that."""
    sender = senders.find(token)
    if sender is None:
        return _unknown(request)
    quarantine.keep(sender, [Fault(fault.reason, fault.position, body)], now=clock.now())
    return JsonResponse({"detail": fault.reason, "position": fault.position}, status=status)


def _trace(request: HttpRequest, stored: alerts.Stored) -> None:
    """The use of the token, as the API leaves it in the security audit."""
    source = audit.Source.of(request, by=User.objects.get(pk=stored.user))
    about = f"{stored.noted} from {source.address or 'here'}"
    source.tally(audit.Event.TOKEN_USED, about=about, now=clock.now())


def _set_aside(token: str, aside: Sequence[Aside]) -> None:
    sender = senders.find(token)
    if sender is not None:
        faults = [Fault(each.reason, each.position, each.piece.encode(errors="replace")) for each in aside]
        quarantine.keep(sender, faults, now=clock.now())


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

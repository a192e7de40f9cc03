"""Acknowledging a page by the link in its mail, without signing in (S14, S15, ALR-04).

The token in the address is exchanged at once for a cookie of a quarter of an hour and a clean address, so that it
stays in no history, log or referrer. Opening the link does nothing, since mail scanners do that too; the button does.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from desk.flows.alerts import ByLink, acknowledgements
from incidentdesk.kernel import clock, links
from incidentdesk.kernel.errors import NotAllowed, Refused
from incidentdesk.kernel.stamps import moment, stamp
from oncall import pages
from oncall.models import AckLink, Page
from people import access
from people.models import User

COOKIE_LIFE: Final = timedelta(minutes=15)
_SALT: Final = "desk.ack"
_FORM_SALT: Final = "desk.ack.form"
_GONE: Final = (
    "This link was used, has run out, or never was one. If you are on call, sign in: "
    "what still waits for you stands on the desk."
)


@dataclass(frozen=True)
class Seen:
    """What the page shows: whose page for which incident, since when, and what has become of it. Times are words."""

    key: str
    title: str
    who: str
    fired: str
    minutes: int
    used: str
    other: str
    declared: bool


@access.open_to_all("the token in the address: 256 random bits, single use")
@never_cache
@require_safe
def exchange(request: HttpRequest, token: str) -> HttpResponse:
    """Give a cookie for the token and go to the clean address; nothing is acknowledged yet."""
    now = clock.now()
    link = pages.link_by(digest=links.digest(token), now=now)
    if link is None:
        return _gone(request)
    response = HttpResponseRedirect(pages.ACK_PATH)
    response.set_cookie(
        settings.ACK_COOKIE_NAME,
        _cookie(link, now),
        max_age=COOKIE_LIFE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return _untraced(response)


@access.open_to_all("the cookie that a live link was exchanged for")
@csrf_exempt  # a page without a referrer sends `Origin: null`, which Django's check refuses; `_meant` is asked instead
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """The page with the one button, and what it does."""
    now = clock.now()
    link = _link(request, now)
    if link is None:
        return _gone(request)
    refused = ""
    if request.method == "POST" and not _meant(request):
        raise PermissionDenied
    if request.method == "POST" and link.used_at is None:
        refused = _acknowledge(link, now)
        if not refused:
            return _untraced(HttpResponseRedirect(pages.ACK_PATH, status=303))
    context = {"seen": _seen(link, now), "refused": refused, "form_token": _form_token(request)}
    return _untraced(render(request, "oncall/ack.html", context, status=422 if refused else 200))


def _acknowledge(link: AckLink, now: datetime) -> str:
    """Acknowledge as the link's person; a sentence when the protocol says no. The link is used up either way."""
    with transaction.atomic():
        if not pages.use(link, now=now):
            return ""
        try:
            acknowledgements(
                link.incident_id,
                ByLink(page=link.page),
                by=link.user,
                request_id=f"ack-{link.digest}",
                now=now,
            )
        except (Refused, NotAllowed) as refusal:
            return refusal.sentence
    return ""


def _form_token(request: HttpRequest) -> str:
    """What the form carries: made from the cookie with our key, so that no other site can make it (S14)."""
    return signing.Signer(salt=_FORM_SALT).signature(request.COOKIES.get(settings.ACK_COOKIE_NAME, ""))


def _meant(request: HttpRequest) -> bool:
    return constant_time_compare(request.POST.get("csrfmiddlewaretoken", ""), _form_token(request))


def _cookie(link: AckLink, now: datetime) -> str:
    return signing.dumps([link.pk, stamp(now)], salt=_SALT)


def _link(request: HttpRequest, now: datetime) -> AckLink | None:
    """The live link of the cookie; one used just now still shows what it did."""
    cookie = request.COOKIES.get(settings.ACK_COOKIE_NAME, "")
    try:
        pk, since = signing.loads(cookie, salt=_SALT)
    except signing.BadSignature:
        return None
    if now - moment(since) > COOKIE_LIFE:
        return None
    return pages.link_by(pk=pk, now=now, used_since=now - COOKIE_LIFE)


def _seen(link: AckLink, now: datetime) -> Seen:
    incident, user = link.incident, link.user
    others = Page.objects.filter(incident=incident, acknowledged_at__isnull=False).exclude(number=link.page)
    first = (
        others.exclude(call=Page.Call.HAND)
        .select_related("acknowledged_by")
        .order_by("acknowledged_at")
        .first()
    )
    return Seen(
        key=incident.key,
        title=incident.title,
        who=user.name,
        fired=_told(incident.alert_fired_at, user),
        minutes=max(0, int((now - incident.alert_fired_at).total_seconds() // 60)),
        used=_told(link.used_at, user) if link.used_at else "",
        other=f"{first.acknowledged_by} answered at {_told(first.acknowledged_at, user)}"
        if first and first.acknowledged_at
        else "",
        declared=incident.severity is not None,
    )


def _told(at: datetime, user: User) -> str:
    """A time by the person's own clock with its zone, and by UTC where that differs."""
    local = at.astimezone(user.tz)
    zone = f"{local:%H:%M:%S} {local:%Z}"
    return zone if local.utcoffset() == timedelta(0) else f"{zone} ({at.astimezone(UTC):%H:%M:%S} UTC)"


def _gone(request: HttpRequest) -> HttpResponse:
    """One page, byte for byte, for links that are unknown, used, revoked or run out (F30)."""
    return _untraced(render(request, "errors/404.html", {"sentence": _GONE}, status=404))


def _untraced(response: HttpResponse) -> HttpResponse:
    response["Referrer-Policy"] = "no-referrer"
    return response

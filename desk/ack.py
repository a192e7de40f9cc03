"""Acknowledging a page by the link in its mail, without signing in (S14, S15, ALR-04).

The token in the address is exchanged at once for a cookie of a quarter of an hour and a clean address, so that it
stays in no history, log or referrer. Each link has a cookie of its own, named in the clean address and in the form, so
that several tabs of one browser do not mix. Opening the link does nothing, since mail scanners do that too; the button
does. A link that does nothing any more says what became of its page: whoever holds it was sent it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from desk import page_words
from desk.flows.alerts import ByLink, acknowledgements
from desk.page_words import PageNow
from incidentdesk.kernel import clock, links, trouble
from incidentdesk.kernel.client_address import client_address
from incidentdesk.kernel.errors import NotAllowed, Refused
from incidentdesk.kernel.stamps import Stamp, moment, stamp
from oncall import pages
from oncall.models import AckLink, Page
from people import access, audit
from people.models import User

COOKIE_LIFE: Final = timedelta(minutes=15)
COOKIES_KEPT: Final = 12  # of one browser; all of them travel with each request
_SALT: Final = "desk.ack"
_FORM_SALT: Final = "desk.ack.form"
_REF: Final = 16
_GONE: Final = (
    "This link is unknown, or its page was open for longer than 15 minutes. Open the link in the email again. "
    "If you are on call, you can also sign in: the desk shows which pages are open."
)
_BUSY: Final = "Nothing was saved for {key}: another change to it is in progress. Tap again in a few seconds."


@dataclass(frozen=True)
class Fired:
    """One alert in words."""

    name: str
    labels: str
    value: str
    since: str
    over: str


@dataclass(frozen=True)
class Seen:
    """What the page shows: whose page for which incident, how it stands now, and what became of the link. Times are words.

    `state` is open, used, answered (otherwise) or out (run out); `by` says who acknowledged this page and when.
    """

    ref: str
    key: str
    title: str
    who: str
    fired: str
    minutes: int
    alerts: tuple[Fired, ...]
    more: int
    missed: str
    next: str
    state: str
    by: str
    until: str
    other: str
    declared: bool
    together: tuple[tuple[str, str], ...]


@access.open_to_all("the token in the address: 256 random bits, single use")
@never_cache
@require_safe
def exchange(request: HttpRequest, token: str) -> HttpResponse:
    """Give a cookie for the token and go to the clean address; nothing is acknowledged yet."""
    now = clock.now()
    link = pages.link_by(digest=links.digest(token))
    if link is None:
        about, address = "an unknown link", client_address(request)
        audit.tally(audit.Event.LINK_REFUSED, by=None, about=about, address=address, now=now)
        return _gone(request)
    response = HttpResponseRedirect(_clean(link))
    for name in _oldest(request):
        response.delete_cookie(name, samesite="Lax")
    response.set_cookie(
        _cookie_name(_ref(link)),
        signing.dumps([link.pk, stamp(now)], salt=_SALT),
        max_age=COOKIE_LIFE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return _untraced(response)


@access.open_to_all("the cookie that a link was exchanged for")
@csrf_exempt  # a page without a referrer sends `Origin: null`, which Django's check refuses; `_meant` is asked instead
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """The page with the button, or with two where other pages came in the same mail, and what they do."""
    now = clock.now()
    posted = request.method == "POST"
    ref = (
        request.POST.get("csrfmiddlewaretoken", "").rpartition(":")[0]
        if posted
        else request.GET.get("link", "")
    )
    ref = ref[:_REF]
    link = _link(request, ref, now)
    if link is None:
        return _gone(request)
    if posted and not _meant(request, ref):
        raise PermissionDenied
    refused: list[str] = []
    if posted and pages.is_live(link, now=now):
        wanted = [link, *(pages.companions(link, now=now) if request.POST.get("all") else ())]
        refused = [said for said in (_acknowledge(each, request, now) for each in wanted) if said]
    if posted and not refused:
        return _untraced(HttpResponseRedirect(_clean(link), status=303))
    if posted:
        link = pages.link_by(pk=link.pk) or link
    context = {"seen": _seen(link, now), "refused": refused, "form_token": _form_token(request, ref)}
    return _untraced(render(request, "oncall/ack.html", context, status=422 if refused else 200))


def _acknowledge(link: AckLink, request: HttpRequest, now: datetime) -> str:
    """Acknowledge as the link's person; a sentence when the protocol says no. The link is used up either way, but not
    where the incident is in other hands."""
    try:
        with transaction.atomic():
            if not pages.use(link, now=now):
                return ""
            audit.record(
                audit.Event.LINK_USED,
                by=link.user,
                about=link.incident.key,
                details={"page": link.page, "link": _ref(link)},
                address=client_address(request),
                now=now,
            )
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
    except OperationalError as error:
        if not trouble.is_lock_wait(error):
            raise
        return _BUSY.format(key=link.incident.key)
    return ""


def _ref(link: AckLink) -> str:
    """Which link, in addresses, cookies and logs; it opens nothing by itself."""
    return link.digest[:_REF]


def _clean(link: AckLink) -> str:
    return f"{pages.ACK_PATH}?link={_ref(link)}"


def _cookie_name(ref: str) -> str:
    # Without a reference it is the one cookie that an older version gave for every link.
    return f"{settings.ACK_COOKIE_NAME}-{ref}" if ref else settings.ACK_COOKIE_NAME


def _oldest(request: HttpRequest) -> list[str]:
    """The cookies to drop, so that with a new one no more than COOKIES_KEPT are left: the oldest, unreadable ones first."""
    names = [name for name in request.COOKIES if name.startswith(f"{settings.ACK_COOKIE_NAME}-")]
    by_age = sorted(names, key=lambda name: (_opened(request, name) or (0, Stamp("")))[1])
    return by_age[: max(0, len(by_age) - COOKIES_KEPT + 1)]


def _opened(request: HttpRequest, name: str) -> tuple[int, Stamp] | None:
    """The link's id and the stamp of its opening, as a cookie of ours says."""
    try:
        pk, since = signing.loads(request.COOKIES.get(name, ""), salt=_SALT)
    except signing.BadSignature:
        return None
    return pk, Stamp(since)


def _form_token(request: HttpRequest, ref: str) -> str:
    """What the form carries: which link, and a mark of its cookie with our key, so that no other site can make it (S14)."""
    return f"{ref}:{_mark(request, ref)}" if ref else _mark(request, ref)


def _mark(request: HttpRequest, ref: str) -> str:
    return signing.Signer(salt=_FORM_SALT).signature(request.COOKIES.get(_cookie_name(ref), ""))


def _meant(request: HttpRequest, ref: str) -> bool:
    return constant_time_compare(request.POST.get("csrfmiddlewaretoken", ""), _form_token(request, ref))


def _link(request: HttpRequest, ref: str, now: datetime) -> AckLink | None:
    """The link of the cookie that `ref` names, opened in the last quarter of an hour."""
    opened = _opened(request, _cookie_name(ref))
    if opened is None or now - moment(opened[1]) > COOKIE_LIFE:
        return None
    return pages.link_by(pk=opened[0])


def _seen(link: AckLink, now: datetime) -> Seen:
    incident, user = link.incident, link.user
    own = Page.objects.select_related("acknowledged_by").filter(incident=incident, number=link.page).first()
    here = page_words.standing({(incident.pk, link.page)}).get((incident.pk, link.page))
    live = pages.is_live(link, now=now)
    answered = own is not None and own.acknowledged_at is not None
    return Seen(
        ref=_ref(link),
        key=incident.key,
        title=incident.title,
        who=user.name,
        fired=_told(incident.alert_fired_at, user),
        minutes=page_words.minutes(incident.alert_fired_at, now),
        alerts=_alerts(here, user),
        more=here.more if here else 0,
        missed=_missed(here, user) if here else "",
        next=_next(here, user) if here and live else "",
        state="open" if live else "used" if link.used_at else "answered" if answered else "out",
        by=f"{own.acknowledged_by} acknowledged at {_told(own.acknowledged_at, user)}"
        if own is not None and own.acknowledged_at is not None
        else "",
        until=_told(link.expires_at, user),
        other=f"{here.answered.name} acknowledged at {_told(here.answered.at, user)}"
        if here and here.answered and not answered
        else "",
        declared=incident.severity is not None,
        together=tuple((each.incident.key, each.incident.title) for each in pages.companions(link, now=now))
        if live
        else (),
    )


def _missed(here: PageNow, user: User) -> str:
    names = ", ".join(f"{each.name} at {_told(each.at, user)}" for each in here.missed)
    return f"{names}, and {here.missed_before} earlier" if here.missed_before else names


def _alerts(here: PageNow | None, user: User) -> tuple[Fired, ...]:
    return tuple(
        Fired(
            each.name,
            each.labels,
            each.value,
            _told(each.since, user),
            f"{'ended' if each.by_hand else 'resolved'} at {_told(each.over, user)}" if each.over else "",
        )
        for each in (here.fired if here else ())
    )


def _next(here: PageNow, user: User) -> str:
    if here.next_at is None:
        return ""
    return f"{', '.join(here.next_names) or 'nobody'} at {_told(here.next_at, user)}"


def _told(at: datetime, user: User) -> str:
    """A time by the person's own clock with its zone, and by UTC where that differs."""
    local = at.astimezone(user.tz)
    zone = f"{local:%H:%M:%S} {local:%Z}"
    return zone if local.utcoffset() == timedelta(0) else f"{zone} ({at.astimezone(UTC):%H:%M:%S} UTC)"


def _gone(request: HttpRequest) -> HttpResponse:
    """One page, byte for byte, for links that are unknown and for those of nobody any more (F30)."""
    return _untraced(render(request, "errors/404.html", {"sentence": _GONE}, status=404))


def _untraced(response: HttpResponse) -> HttpResponse:
    response["Referrer-Policy"] = "no-referrer"
    return response

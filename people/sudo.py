"""Asking for the password again before anything is administered: people, tokens, settings (RBAC-20, S10, S13)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse

from incidentdesk.kernel import clock
from incidentdesk.kernel.stamps import moment, stamp

LASTS = timedelta(minutes=15)
_KEY = "password_given_at"

View = Callable[..., HttpResponseBase]


def grant(request: HttpRequest, *, now: datetime) -> None:
    """Note that the password was given now, under a new session key."""
    request.session.cycle_key()
    request.session[_KEY] = stamp(now)


def holds(request: HttpRequest, *, now: datetime) -> bool:
    """Whether the password was given within the last 15 minutes, on this session."""
    given = request.session.get(_KEY)
    return given is not None and timedelta(0) <= now - moment(given) <= LASTS


def ask(request: HttpRequest) -> HttpResponse:
    """Send to the page that asks for the password; it comes back to where a GET was going."""
    back = request.get_full_path() if request.method == "GET" else reverse("people:account")
    url = f"{reverse('people:confirm')}?{urlencode({'next': back})}"
    if request.headers.get("HX-Request"):
        return HttpResponse(status=401, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def required(view: View) -> View:
    """A view that runs only while `holds` is true."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not holds(request, now=clock.now()):
            return ask(request)
        return view(request, *args, **kwargs)

    return guarded

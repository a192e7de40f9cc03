"""Setting one's own password by a link: /password/<token>/ leads to /password/, where the form is (S14, S15).

The token in the address is exchanged at once for a cookie of a quarter of an hour and a clean address, so that it
stays in no history, log or referrer. Opening the link changes nothing, since mail scanners do that too.
"""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from incidentdesk.kernel import clock, links
from incidentdesk.kernel.client_address import client_address
from incidentdesk.kernel.errors import Invalid, Stale
from incidentdesk.kernel.stamps import moment, stamp
from people import access, password_links
from people.forms import NewPasswordForm
from people.models import PasswordLink

COOKIE_LIFE: Final = timedelta(minutes=15)
_SALT: Final = "people.password"
_GONE: Final = "This link was used or has ended, or never was one. Ask an administrator for a new link."


@access.open_to_all("the token in the address: 256 random bits, single use")
@never_cache
@require_safe
def exchange(request: HttpRequest, token: str) -> HttpResponse:
    """Give a cookie for the token and go to the clean address; nothing is changed yet."""
    now = clock.now()
    link = password_links.live(digest=links.digest(token), now=now)
    if link is None:
        return _gone(request)
    response = HttpResponseRedirect(password_links.PATH)
    response.set_cookie(
        settings.PASSWORD_COOKIE_NAME,
        signing.dumps([link.pk, stamp(now)], salt=_SALT),
        max_age=COOKIE_LIFE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    response["Referrer-Policy"] = "no-referrer"
    return response


@access.open_to_all("the cookie that a live link was exchanged for")
@sensitive_post_parameters("new")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def set_password(request: HttpRequest) -> HttpResponse:
    """The form for the new password; afterwards the sign-in page."""
    now = clock.now()
    link = _link(request, now)
    if link is None:
        return _gone(request)
    form = NewPasswordForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            password_links.use(link, form.cleaned_data["new"], address=client_address(request), now=now)
        except Stale:
            return _gone(request)
        except Invalid as error:
            form.add_error("new", error.sentence)
        else:
            response = HttpResponseRedirect(resolve_url(settings.LOGIN_URL), status=303)
            response.delete_cookie(settings.PASSWORD_COOKIE_NAME)
            return response
    page = {"form": form, "person": link.user}
    return render(request, "account/set_password.html", page, status=422 if form.errors else 200)


def _link(request: HttpRequest, now: datetime) -> PasswordLink | None:
    try:
        pk, since = signing.loads(request.COOKIES.get(settings.PASSWORD_COOKIE_NAME, ""), salt=_SALT)
    except signing.BadSignature:
        return None
    return password_links.live(pk=pk, now=now) if now - moment(since) <= COOKIE_LIFE else None


def _gone(request: HttpRequest) -> HttpResponse:
    """One page for links that are unknown, used or ended."""
    return render(request, "errors/404.html", {"sentence": _GONE}, status=404)

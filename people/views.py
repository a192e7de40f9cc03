"""Signing in, signing out, and giving the password again."""

from datetime import datetime
from typing import cast

from allauth.account.utils import perform_login
from django.conf import settings
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from incidentdesk.kernel import clock
from incidentdesk.kernel.client_address import client_address
from incidentdesk.kernel.host_names import known_mail
from incidentdesk.kernel.http import DeskRequest
from people import access, audit, demo_sign_in, sudo, throttle
from people.audit import Event
from people.devices import device_name
from people.forms import ConfirmForm, SignInForm
from people.models import User
from people.sessions import SessionStore

_MAIL_STILL_WORKS = "Pages can still be acknowledged by the link in the mail."


@access.open_to_all("the way in; the throttle guards it")
@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The sign-in page; goes back to `next` when that is an address of this desk."""
    if request.method == "GET":
        if request.user.is_authenticated:
            return HttpResponseRedirect(_next(request))
        return _sign_in_page(request, SignInForm(request=request))
    now = clock.now()
    email = request.POST.get("login", "")
    stranger = audit.Source(address=client_address(request))
    form = SignInForm(request.POST, request=request)
    if not throttle.take(request, email, now=now):
        stranger.tally(Event.SIGN_IN_SLOWED, about=_account(email), now=now)
        minutes = throttle.minutes_left(request, email, now=now)
        again = SignInForm(request=request, initial={"login": email})
        answer = _sign_in_page(
            request, again, f"{throttle.sentence(minutes)} {_MAIL_STILL_WORKS}", status=429
        )
        answer.headers["Retry-After"] = str(minutes * 60)
        return answer
    if not form.is_valid():
        stranger.tally(Event.SIGN_IN_FAILED, about=_account(email), now=now)
        return _sign_in_page(request, form, " ".join(form.non_field_errors()), status=422)
    throttle.give_back(request, email)
    request.session.flush()  # nothing of whoever sat here before is carried over
    response: HttpResponse = form.login(request, redirect_url=_next(request))
    _open(request, form.user, trusted=form.cleaned_data["remember"], now=now)
    throttle.remember_device(response, form.user)
    return response


@access.open_to_all("one click for the demonstration's people, on this machine alone")
@require_POST
def demo(request: HttpRequest) -> HttpResponse:
    """Sign in as one of the demonstration's people; elsewhere than on this machine the page does not exist."""
    user = next(
        (one for one in demo_sign_in.people(request) if str(one.uid) == request.POST.get("person")), None
    )
    if user is None:
        raise Http404
    request.session.flush()
    response: HttpResponse = perform_login(
        request, user, email_verification="none", redirect_url=_next(request)
    )
    _open(request, user, trusted=True, now=clock.now())
    return response


@access.open_to_all("ends only the session that asks")
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End this sign-in on the server; its cookie opens nothing any more. Twice is safe."""
    if isinstance(request.user, User):
        audit.Source.of(request).record(Event.SIGNED_OUT, about=request.user.email, now=clock.now())
    logout(request)
    return HttpResponseRedirect(resolve_url(settings.LOGIN_URL))


@access.signed_in
@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def confirm(request: DeskRequest) -> HttpResponse:
    """Ask for the password again before something is administered."""
    user = request.user
    one_click = demo_sign_in.may_confirm(request, user)
    form = ConfirmForm(request.POST or None)
    page = {"form": form, "next": _next(request), "one_click": one_click, "refused": ""}
    if request.method == "GET":
        return TemplateResponse(request, "account/confirm.html", page)
    now = clock.now()
    source = audit.Source.of(request)
    if not one_click:
        if not throttle.take(request, user.email, now=now):
            minutes = throttle.minutes_left(request, user.email, now=now)
            page["refused"] = f"{throttle.sentence(minutes)} {_MAIL_STILL_WORKS}"
            return TemplateResponse(request, "account/confirm.html", page, status=429)
        if not form.is_valid() or not user.check_password(form.cleaned_data["password"]):
            source.tally(Event.CONFIRMATION_FAILED, about=user.email, now=now)
            page["refused"] = "This is not your password. Nothing was changed."
            return TemplateResponse(request, "account/confirm.html", page, status=422)
        throttle.give_back(request, user.email)
    sudo.grant(request, now=now)
    source.record(Event.PASSWORD_CONFIRMED, about=user.email, details={"one_click": one_click}, now=now)
    return HttpResponseRedirect(_next(request))


def _account(email: str) -> str:
    """Whose sign-in it was; what belongs to nobody is not recorded, since it may be a password in the wrong field."""
    plain = known_mail(email)
    known = "\0" not in plain and User.objects.filter(email=plain).exists()
    return plain if known else "unknown account"


def _open(request: HttpRequest, user: User, *, trusted: bool, now: datetime) -> None:
    sudo.grant(request, now=now)
    session = cast(SessionStore, request.session)
    device = device_name(request.headers.get("User-Agent", ""))
    session.trust(device=device, trusted=trusted)
    source = audit.Source.of(request, by=user)
    source.record(Event.SIGNED_IN, about=user.email, details={"device": device, "trusted": trusted}, now=now)


def _sign_in_page(
    request: HttpRequest, form: SignInForm, refused: str = "", status: int = 200
) -> HttpResponse:
    page = {
        "form": form,
        "refused": refused,
        "next": request.POST.get("next", request.GET.get("next", "")),
        "demo_people": demo_sign_in.people(request),
    }
    return TemplateResponse(request, "account/sign_in.html", page, status=status)


def _next(request: HttpRequest) -> str:
    """Where to go afterwards: `next` if it is an address of this desk, else the desk itself."""
    wanted = request.POST.get("next", request.GET.get("next", ""))
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if wanted and safe else resolve_url(settings.LOGIN_REDIRECT_URL)

"""One's own account: preferences, password, sign-ins and tokens."""

from datetime import timedelta
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import DeskError, Invalid
from incidentdesk.kernel.http import DeskRequest
from people import access, accounts, administration, audit, listing, sudo, throttle, tokens
from people.audit import Event
from people.forms import PasswordForm, PreferencesForm, TokenForm
from people.models import ApiToken, Session, User
from people.roles import Theme


@access.signed_in
@require_GET
def account(request: DeskRequest) -> HttpResponse:
    """Who I am here, how the desk looks, and where I am signed in."""
    return _account_page(request, PasswordForm(user=request.user))


@access.signed_in
@require_POST
def preferences(request: DeskRequest) -> HttpResponse:
    """Save theme and single-key shortcuts, and go back to the page where they were changed."""
    form = PreferencesForm(request.POST)
    if not form.is_valid():
        return _account_page(request, PasswordForm(user=request.user), status=422)
    User.objects.filter(pk=request.user.pk).update(**form.cleaned_data)
    back = request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Trigger": "preferences-changed"})
    return HttpResponseRedirect(back if back and here else reverse("people:account"))


@access.signed_in
@sensitive_post_parameters("old", "new")
@require_POST
def password(request: DeskRequest) -> HttpResponse:
    """Change one's own password; every other sign-in ends, and what else is not to be kept."""
    user, form = request.user, PasswordForm(request.POST, user=request.user)
    now = clock.now()
    if not throttle.take(request, user.email, now=now):
        form.add_error(None, throttle.sentence(throttle.minutes_left(request, user.email, now=now)))
        return _account_page(request, form, status=429)
    if not form.is_valid():
        if form.has_error("old"):
            audit.Source.of(request).tally(Event.CONFIRMATION_FAILED, about=user.email, now=now)
        return _account_page(request, form, status=422)
    throttle.give_back(request, user.email)
    given = form.cleaned_data
    try:
        administration.set_password(
            user,
            given["new"],
            source=audit.Source.of(request),
            keep=request.session.session_key,
            keep_tokens=given["keep_tokens"],
            keep_devices=given["keep_devices"],
            now=now,
        )
    except Invalid as error:
        form.add_error("new", error.sentence)
        return _account_page(request, form, status=422)
    accounts.stay_signed_in(request, user)
    response = HttpResponseRedirect(reverse("people:account"))
    throttle.remember_device(response, user)  # the one that knows the new password
    return response


@access.signed_in
@require_POST
def end_session(request: DeskRequest) -> HttpResponse:
    """End one of my own sign-ins, or with `others` all but this one. Ended already counts as done."""
    me = request.user
    if "others" in request.POST:
        ended = accounts.end_sessions(me, keep=request.session.session_key)
    else:
        ended = Session.objects.filter(user=me, uid__in=_uids(request.POST.get("session", ""))).delete()[0]
    audit.Source.of(request).record(
        Event.SESSIONS_ENDED, about=me.email, details={"ended": ended}, now=clock.now()
    )
    return HttpResponseRedirect(reverse("people:account"))


@access.signed_in
@sudo.required
@require_http_methods(["GET", "POST"])
def my_tokens(request: DeskRequest) -> HttpResponse:
    """My API tokens. A POST makes one and shows its text, this once."""
    if request.method == "GET":
        return _tokens_page(request, TokenForm(user=request.user))
    form = TokenForm(request.POST, user=request.user)
    if not form.is_valid():
        return _tokens_page(request, form, status=422)
    now = clock.now()
    try:
        text, row = administration.make_token(
            request.user,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            expires_at=now + timedelta(days=form.cleaned_data["days"]),
            source=audit.Source.of(request),
            now=now,
        )
    except DeskError as error:
        form.add_error(None, error.sentence)
        return _tokens_page(request, form, status=error.status)
    return _tokens_page(request, TokenForm(user=request.user), made=row, text=text)


@access.signed_in
@sudo.required
@require_POST
def revoke_token(request: DeskRequest) -> HttpResponse:
    """End one of my tokens for good."""
    uids = _uids(request.POST.get("token", ""))
    token = get_object_or_404(ApiToken, user=request.user, uid__in=uids)
    administration.revoke_token(token, source=audit.Source.of(request), now=clock.now())
    return HttpResponseRedirect(reverse("people:tokens"))


def _uids(text: str) -> list[UUID]:
    try:
        return [UUID(text)]
    except ValueError:
        return []


def _account_page(request: DeskRequest, form: PasswordForm, status: int = 200) -> HttpResponse:
    user, now = request.user, clock.now()
    rows = Session.objects.filter(user=user, expire_date__gt=now)
    page = {
        "form": form,
        "themes": Theme.choices,
        "live_tokens": tokens.live_of(user, now=now),
        "devices": [listing.device(row, user=user, key=request.session.session_key) for row in rows],
    }
    return TemplateResponse(request, "people/account.html", page, status=status)


def _tokens_page(
    request: DeskRequest, form: TokenForm, *, made: ApiToken | None = None, text: str = "", status: int = 200
) -> HttpResponse:
    user, now = request.user, clock.now()
    page = {
        "form": form,
        "made": made,
        "text": text,
        "tokens": [listing.token(row, user=user, now=now) for row in user.tokens.all()],
    }
    return TemplateResponse(request, "people/tokens.html", page, status=status)

"""The administration: for administrators, with the password given again in the last 15 minutes (RBAC-20, S13)."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.admin import AdminSite
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse

from incidentdesk.kernel import clock
from incidentdesk.kernel.http import mark_denied
from people import sudo


class DeskAdminSite(AdminSite):
    """Has no sign-in form of its own, which would pass by the throttle, and no password form."""

    site_header = "Incident Desk administration"
    site_title = "Incident Desk"
    site_url = "/"

    def admin_view(  # type: ignore[override]
        self, view: Callable[..., HttpResponseBase], cacheable: bool = False
    ) -> Callable[..., HttpResponseBase]:
        """As Django's, and asks for the password again first; somebody else's page does not exist."""
        inner = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.user.is_authenticated and not self.has_permission(request):
                mark_denied(request)
                raise Http404
            if request.user.is_authenticated and not sudo.holds(request, now=clock.now()):
                return sudo.ask(request)
            if any("\0" in value for values in request.GET.lists() for value in (values[0], *values[1])):
                raise BadRequest  # no look-up could carry it to the database
            return inner(request, *args, **kwargs)

        return guarded

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The desk's own sign-in page."""
        query = urlencode({"next": request.GET.get("next", "")})
        return HttpResponseRedirect(f"{resolve_url(settings.LOGIN_URL)}?{query}")

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        """The account page, which changes passwords; the head of every page leads here."""
        return HttpResponseRedirect(reverse("people:account"))

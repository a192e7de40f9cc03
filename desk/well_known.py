"""What browsers and crawlers ask for by name: nothing here is to be indexed, and the icon has one home."""

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.templatetags.static import static
from django.views.decorators.http import require_safe

from people.access import open_to_all


@open_to_all("says only that crawlers find nothing here")
@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Every page is behind a sign-in."""
    return HttpResponse("User-agent: *\nDisallow: /\n", content_type="text/plain")


@open_to_all("leads to a static file")
@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """For browsers that ask without having read a page."""
    return HttpResponsePermanentRedirect(static("img/favicon.svg"))

"""The same acts and reads as JSON, under /api/v1/, for programs and for people who script.

Every act goes through its flow, so rights, gates, request ids and refusals are those of the pages.
"""

from typing import Any, cast

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, URLResolver, include, path, re_path, resolve
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import NinjaAPI

from desk.api import acts, catalogue, errors, reads
from desk.api.wire import Reader
from incidentdesk.kernel.errors import Missing
from people.access import open_to_all

api = NinjaAPI(
    title="Incident Desk",
    version="1",
    description=(
        "Every act and every read of the desk. Sign with `Authorization: Bearer <token>`. Each write needs an "
        "`Idempotency-Key` of its own: the same key gives the same answer and does nothing twice. Times carry a zone."
    ),
    urls_namespace="api",
    openapi_url=None,  # `openapi` below says who may read it
    docs_url=None,  # a page of its own would bring scripts that the desk's policy does not allow
    parser=Reader(),
)
errors.handle(api)
acts.add_to(reads.router)
api.add_router("/v1", reads.router)
api.add_router("/v1", catalogue.router)


@csrf_exempt
@open_to_all(
    "says only that there is nothing, or asks the view of the same address without its last slash", reads=None
)
def nothing_here(request: HttpRequest) -> HttpResponse:
    """Any other address under /api/: the same bytes as for an incident that is not there.

    One with a last slash too many is answered as the one without: a redirect would turn a POST into a GET.
    """
    match = resolve(request.path_info.rstrip("/")) if request.path_info.endswith("/") else None
    if match is None or match.func is nothing_here:
        return errors.respond(Missing())
    answer: HttpResponse = match.func(request, *match.args, **match.kwargs)
    return answer


@open_to_all("describes the API and holds no data")
@errors.spelled_out
@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """Every operation with its parameters and bodies, as OpenAPI."""
    return JsonResponse(api.get_openapi_schema(path_prefix="/api/"))


_patterns, _, _namespace = api.urls
for _pattern in _patterns:
    _pattern.callback = errors.spelled_out(cast(Any, _pattern.callback))
urlpatterns: list[URLPattern | URLResolver] = [
    path("openapi.json", openapi, name="openapi"),
    # without the library's own front page
    path("", include(([each for each in _patterns if getattr(each, "name", "") != "api-root"], _namespace))),
    re_path("", nothing_here),
]

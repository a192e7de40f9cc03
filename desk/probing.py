"""What arrives of a request that goes through the proxy: asked by `check_desk` alone, with a probe it signs itself."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from incidentdesk.kernel import clock
from incidentdesk.kernel.client_address import client_address
from incidentdesk.kernel.stamps import Stamp, moment, stamp
from people import access

SALT: Final = "desk.probing"
LIFE: Final = timedelta(minutes=1)


def path(*, now: datetime) -> str:
    """The path to ask, good for a minute."""
    return f"/ops/seen?probe={quote(signing.dumps(stamp(now), salt=SALT))}"


@access.open_to_all(
    "a probe that this desk signed itself within the last minute; to anybody else it does not exist"
)
@require_GET
def seen(request: HttpRequest) -> HttpResponse:
    """What the desk sees of the very request that asks."""
    try:
        asked = moment(Stamp(signing.loads(request.GET.get("probe", ""), salt=SALT)))
    except (signing.BadSignature, ValueError):
        raise Http404 from None
    if abs(clock.now() - asked) > LIFE:
        raise Http404
    return JsonResponse(
        {
            "secure": request.is_secure(),
            "host": request.get_host(),
            "client": client_address(request),
            "connection": request.META.get("REMOTE_ADDR", ""),
            "forwarded": any(name in request.headers for name in ("X-Forwarded-For", "Forwarded")),
        },
        headers={"Cache-Control": "no-store"},
    )


def judge(found: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    """Sentences about what `seen` told: whether each is well, and what to do."""
    base = urlsplit(settings.BASE_URL)
    yield True, f"{settings.BASE_URL} answers."
    if base.scheme == "https" and not found["secure"]:
        yield (
            False,
            "The desk does not learn that people use https. The proxy must set X-Forwarded-Proto: https.",
        )
    if found["host"] not in (base.netloc, base.hostname):
        yield False, f"The desk sees the host {found['host']}. The proxy must pass on the Host header."
    if settings.BEHIND_PROXY and not found["forwarded"]:
        yield False, "The desk does not learn who asks. The proxy must set X-Forwarded-For."
    # From the proxy's own host both are the loopback, as they should be.
    near = found["client"] in ("127.0.0.1", "::1")
    if settings.BEHIND_PROXY and found["forwarded"] and found["client"] == found["connection"] and not near:
        yield (
            False,
            (
                f"Everybody counts as {found['client']}, the proxy. Set TRUSTED_PROXIES to its address or to the number of proxies."
            ),
        )
    if not settings.BEHIND_PROXY and found["forwarded"]:
        yield False, "A proxy stands in front and BEHIND_PROXY is not set, so everybody counts as the proxy."

"""GET /declare/ and its suggestion, GET /declare/verdict/. The form goes to POST /incidents/ or .../declarations/.

`?incident=KEY` declares the record that an alert opened. Without script the suggestion comes by loading the page again
with the fields in its address.
"""

from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render as respond
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET

from desk import visible
from desk.answers import FormState, Told
from desk.declare_view import Typed, current, then, verdict, view
from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import Missing
from incidentdesk.kernel.http import DeskRequest
from incidents.models import Incident, Service
from people import access
from people.rights import Right

PAGE = "desk/declare.html"


@access.needs(Right.DECLARE)
@require_GET
def declare(request: DeskRequest) -> HttpResponse:
    """The form, with whatever its address says filled in."""
    incident = _named(request)
    if incident is not None and incident.severity is not None:
        return HttpResponseRedirect(f"/incidents/{incident.key}/")
    shown = view(request.user, _typed(request.GET), incident=incident, now=clock.now())
    return respond(request, PAGE, {"declare": shown})


@access.needs(Right.DECLARE)
@require_GET
def suggestion(request: DeskRequest) -> HttpResponse:
    """`r-verdict` for the fields as they stand, and beside it what would happen then."""
    typed = _typed(request.GET)
    names = Service.objects.filter(slug__in=typed.many("services")).order_by("name")
    protocol = current()
    said = verdict(protocol, typed, list(names.values_list("name", flat=True)))
    lines = then(protocol, typed.level or said.severity.level)
    regions = (
        ("desk/_verdict.html", {"verdict": said}),
        ("desk/_then.html", {"then": lines, "beside": True}),
    )
    return HttpResponse("".join(render_to_string(name, context) for name, context in regions))


def render(
    request: DeskRequest, incident: Incident | None = None, *, answer: Told, form: FormState
) -> HttpResponse:
    """The page again after a refusal, with everything that was typed."""
    shown = view(request.user, Typed({**form.values, "picked": "1"}), incident=incident, now=clock.now(),
                 answer=answer, form=form)  # fmt: skip
    return respond(request, PAGE, {"declare": shown})


def _named(request: DeskRequest) -> Incident | None:
    key = request.GET.get("incident", "")
    if not key:
        return None
    try:
        return visible.in_room(request.user, key)
    except Missing as error:
        raise Http404 from error


def _typed(query: QueryDict) -> Typed:
    """The fields in an address. A service named alone, `?service=ledger`, is a link from elsewhere."""
    values: dict[str, object] = {
        name: tuple(given) if len(given) > 1 else given[0] for name, given in query.lists() if given
    }
    if "service" in values:
        values["services"] = values.pop("service")
    return Typed({name: value for name, value in values.items() if name not in ("incident", "request_id")})


def as_meant(post: QueryDict) -> QueryDict:
    """What a page sent, as the person meant it: a severity that the page only took over is the server's to suggest,
    since the last answer may not have reached the page's suggestion yet; "declare now" is SEV-1."""
    fields = post.copy()
    if "now" in post:
        fields["severity"] = "1"
    elif post.get("picked") == "" and any(post.get(name) for name in ("affected", "data")):
        fields.pop("severity", None)
    return fields

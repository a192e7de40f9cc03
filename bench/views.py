"""What the quick poll is compared with: a poll as one writes it without thinking of load."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template import engines

from incidents.models import EntryText, Incident, TimelineEntry
from people import access

_ROWS = """{% for row in rows %}<li id="e-{{ row.seq }}"><time datetime="{{ row.happened_at|date:'c' }}">{{ row.happened_at|date:"H:i:s" }}</time>
<b>{{ row.author.name|default:"The desk" }}</b> <span>{{ row.kind }}</span> <p>{{ row.body.text }}</p></li>{% endfor %}"""


@access.signed_in
def naive(request: HttpRequest, key: str) -> HttpResponse:
    """A poll that loads session, person and the last 50 rows, and renders them each time."""
    incident = get_object_or_404(Incident.objects.visible_to(request.user), key=key)
    rows = list(
        TimelineEntry.objects.filter(incident=incident).select_related("author").order_by("-seq")[:50]
    )
    texts = EntryText.objects.filter(incident=incident, seq__in=[row.seq for row in rows])
    bodies = {text.seq: text.body for text in texts}
    for row in rows:
        row.body = bodies.get(row.seq, {})  # type: ignore[attr-defined]  # as a template reads it
    return HttpResponse(_template().render({"rows": rows}, request))


def _template():  # type: ignore[no-untyped-def]  # the type of an engine's template is private
    global _compiled
    _compiled = _compiled or engines["django"].from_string(_ROWS)
    return _compiled


_compiled = None

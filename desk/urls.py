"""Addresses of the desk."""

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, URLResolver, include, path, re_path

from desk import (
    ack,
    declaring,
    health,
    hooks,
    listing,
    page_acts,
    probing,
    recording,
    summary,
    updating,
    well_known,
)
from desk.board import pages as board
from desk.views import room

app_name = "desk"


def machine(route: str, view: Callable[..., Any], name: str) -> URLPattern:
    """An endpoint for programs, with and without a last slash: a redirect would turn their POST into a GET."""
    return re_path(rf"^{route}/?\Z", view, name=name)


urlpatterns: list[URLPattern | URLResolver] = [
    machine("hooks/alertmanager", hooks.alertmanager, "alertmanager"),
    path("ack/", ack.page, name="ack"),
    path("ack/<str:token>/", ack.exchange, name="ack_link"),
    machine("healthz", health.healthz, "healthz"),
    machine("readyz", health.readyz, "readyz"),
    machine("ops/pulse", health.pulse, "pulse"),
    machine("ops/seen", probing.seen, "seen"),
    path("api/", include("desk.api")),
    path("robots.txt", well_known.robots, name="robots"),
    path("favicon.ico", well_known.favicon, name="favicon"),
    path("", board.desk, name="desk"),
    path("live/", board.live, name="desk_live"),
    path("declare/", declaring.declare, name="declaring"),
    path("declare/verdict/", declaring.suggestion, name="suggestion"),
    path("incidents/", listing.incidents, name="incidents"),
    path("incidents/<str:key>/updates/new/", updating.new, name="new_update"),
    path("incidents/<str:key>/updates/preview/", updating.preview, name="preview"),
    path("incidents/<str:key>/record/", recording.record, name="record"),
    path("incidents/<str:key>/summary/", summary.summary, name="summary"),
    path("incidents/<str:key>/summary/live/", summary.live, name="summary_live"),
    path("incidents/<str:key>/", room.room, name="room"),
    path("incidents/<str:key>/live/", room.live, name="room_live"),
    # Last of all: any other word behind an incident is an act, or nothing.
    path("incidents/<str:key>/<slug:noun>/", page_acts.act, name="act"),
]

"""Addresses of the desk."""

from django.urls import URLPattern, URLResolver, include, path

from desk import ack, health, hooks, page_acts

app_name = "desk"
urlpatterns: list[URLPattern | URLResolver] = [
    path("hooks/alertmanager/", hooks.alertmanager, name="alertmanager"),
    path("ack/", ack.page, name="ack"),
    path("ack/<str:token>/", ack.exchange, name="ack_link"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("ops/pulse", health.pulse, name="pulse"),
    path("api/", include("desk.api")),
    path("incidents/", page_acts.declare, name="declare"),
    # Last of all: any other word behind an incident is an act, or nothing.
    path("incidents/<str:key>/<slug:noun>/", page_acts.act, name="act"),
]

"""Addresses of the desk."""

from django.urls import URLPattern, URLResolver, path

from desk import health

app_name = "desk"
urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("ops/pulse", health.pulse, name="pulse"),
]

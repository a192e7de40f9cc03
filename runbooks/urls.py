"""Addresses of this app."""

from django.urls import URLPattern, URLResolver, path

from runbooks import views

app_name = "runbooks"
urlpatterns: list[URLPattern | URLResolver] = [
    path("runbooks/", views.runbooks, name="runbooks"),
    path("runbooks/<slug:slug>/", views.runbook, name="runbook"),
]

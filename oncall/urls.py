"""Addresses of this app."""

from django.urls import URLPattern, URLResolver

app_name = "oncall"
urlpatterns: list[URLPattern | URLResolver] = []

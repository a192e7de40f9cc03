"""The desk's own addresses, and two views to compare them with."""

from django.urls import include, path

from bench import plain, views
from people import access

urlpatterns = [
    path("bench/bare/", access.open_to_all("two bytes for the bench")(plain.bare)),
    path("bench/naive/<str:key>/live/", views.naive),
    path("", include("incidentdesk.urls")),
]

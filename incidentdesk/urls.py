"""Where each app's addresses hang."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("desk.urls")),
    path("", include("people.urls")),
    path("", include("incidents.urls")),
    path("", include("comms.urls")),
    path("", include("oncall.urls")),
    path("", include("runbooks.urls")),
    path("administration/", admin.site.urls),
]

handler400 = "desk.errors.bad_request"
handler403 = "desk.errors.denied"
handler404 = "desk.errors.missing"
handler500 = "incidentdesk.kernel.middleware.database_trouble.server_error"

"""The door for the web server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "incidentdesk.settings")
_ordinary = get_wsgi_application()

from desk.quick_poll import QuickPoll  # noqa: E402  (needs the applications loaded)

application = QuickPoll(_ordinary)

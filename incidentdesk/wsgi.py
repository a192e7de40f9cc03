"""The door for the web server."""

import os

import django
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "incidentdesk.settings")
django.setup()

from desk.collecting import collect_missing  # noqa: E402  (needs the applications loaded)

collect_missing()  # before WhiteNoise looks at what there is
_ordinary = get_wsgi_application()

from desk.quick_poll import QuickPoll  # noqa: E402  (needs the applications loaded)

application = QuickPoll(_ordinary)

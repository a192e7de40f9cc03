"""The yardstick's door: Django behind what takes requests in, and nothing else before it."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.bare")

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from incidentdesk.kernel.door.door import Door

application = Door(get_wsgi_application(), threads=settings.WEB_THREADS)

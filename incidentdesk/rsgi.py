"""The door for granian, which the desk is served by: `incidentdesk.wsgi` behind what takes requests in."""

from django.conf import settings

from incidentdesk.kernel.door.door import Door
from incidentdesk.wsgi import application as _ordinary

application = Door(_ordinary, threads=settings.WEB_THREADS)

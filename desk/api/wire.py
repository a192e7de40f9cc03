"""How values look on the wire."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser

from incidentdesk.kernel import strict_json
from incidentdesk.kernel.stamps import Stamp, stamp


class Reader(Parser):
    """Bodies are read by the strict reader only."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """The body's object. Raises Unreadable or TooLarge."""
        return strict_json.loads_object(request.body)


def time(value: datetime | None) -> Stamp | None:
    """A time as every stamp of the record is written: UTC with microseconds."""
    return None if value is None else stamp(value)

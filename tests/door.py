"""A browser at the web server's own door, where the poll without news is answered before Django."""

from typing import Any
from unittest.mock import patch

from django.http import HttpResponse
from django.test import Client

from desk.quick_poll import QuickPoll
from incidentdesk.kernel.postgresql.base import DatabaseWrapper


class Door(Client):
    """Django's test client behind the quick poll. `quick` counts what went no further than the door."""

    quick = 0

    def request(self, **request: Any) -> Any:
        """Ask; the ordinary handler hears of it only where the door lets it through."""
        answers: list[Any] = []
        own: list[HttpResponse] = []

        def ordinary(environ: dict[str, Any], start_response: Any) -> tuple[bytes, ...]:
            answers.append(super(Door, self).request(**request))
            return ()

        def start_response(status: str, headers: list[tuple[str, str]]) -> None:
            self.quick += 1
            own.append(HttpResponse(status=int(status.split()[0]), headers=dict(headers)))

        # A test's transaction must outlive the request: Django's own client leaves the same call out.
        with patch.object(DatabaseWrapper, "close_if_unusable_or_obsolete"):
            parts = QuickPoll(ordinary)(self._base_environ(**request), start_response)  # type: ignore[attr-defined]
        for answer in own:
            answer.content = b"".join(parts)
        return (answers or own)[0]


def signed_in(user: Any) -> Door:
    """A browser in which this person is signed in."""
    browser = Door()
    browser.force_login(user)
    return browser

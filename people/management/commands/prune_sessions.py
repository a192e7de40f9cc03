"""`manage.py prune_sessions`: delete sign-ins that have ended and throttle windows that are over."""

from typing import Any

from django.core.management.base import BaseCommand

from incidentdesk.kernel import clock
from people import throttle
from people.sessions import SessionStore


class Command(BaseCommand):
    """For a nightly job; harmless at any time and twice."""

    help = "Delete sessions that have ended and windows of the sign-in throttle that are over."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and say how many."""
        ended = SessionStore.clear_expired()
        over = throttle.prune(now=clock.now())
        self.stdout.write(f"{ended} ended sessions and {over} throttle windows deleted.")

"""`manage.py demo`: fill the demonstration organisation once."""

from typing import Any

from django.core.management.base import BaseCommand

from desk import demo
from incidentdesk.kernel import clock


class Command(BaseCommand):
    """Makes what is not there yet; running it again changes nothing."""

    help = "Fill the demonstration organisation: people, teams, services, clients and three past incidents."

    def handle(self, *args: Any, **options: Any) -> None:
        """Fill it."""
        told = demo.fill(now=clock.now())
        self.stdout.write("The demonstration is filled." if told else "The demonstration was filled already.")

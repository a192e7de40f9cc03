"""`manage.py resume`: let a restored copy of a desk send and fire again."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from desk import resuming
from desk.tick import StillHeld
from incidentdesk.kernel import clock
from incidents import installation


class Command(BaseCommand):
    """Says what became of messages and deadlines. A desk that is not held is left as it is."""

    help = "Release a desk that is held because its database was restored or copied."

    def add_arguments(self, parser: CommandParser) -> None:
        """One of the two must be chosen: nobody can guess whether the old messages are still wanted."""
        chosen = parser.add_mutually_exclusive_group(required=True)
        chosen.add_argument("--drop", action="store_true", help="send nothing of what has waited")
        chosen.add_argument(
            "--send-younger-than",
            type=float,
            metavar="MINUTES",
            help="send what has waited for less than so many minutes, and nothing older",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Release it."""
        minutes = 0.0 if options["drop"] else options["send_younger_than"]
        if not 0 <= minutes <= 7 * 24 * 60:
            raise CommandError("Give a number of minutes from 0 to 10080 (a week). Nothing was changed.")
        now = clock.now()
        why = installation.held()
        if not why and installation.may_act(now=now):
            self.stdout.write("This desk is not held. Nothing was changed.")
            return
        try:
            done = resuming.resume(now=now, younger_than=timedelta(minutes=minutes))
        except StillHeld as error:
            raise CommandError(f"{error} The desk stays held. Run resume again in a minute.") from error
        self.stdout.write(
            f"Resumed. {done.kept} messages are kept here and not sent; {done.fired} deadlines were carried out "
            f"without a message. What is younger goes out now."
        )

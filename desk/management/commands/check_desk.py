"""`manage.py check_desk`: can this desk wake somebody? Tries each part and says what to do."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from desk import checkup
from incidentdesk.kernel import clock


class Command(BaseCommand):
    """Exits 1 when anything is not well."""

    help = (
        "Try database, Redis, clock, disk, proxy, processes, escalation lists and mail, and say what to do."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to send a mail."""
        parser.add_argument(
            "--send-test", default="", metavar="ADDRESS", help="send one mail to this address"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line a finding."""
        try:
            now = clock.now()
        except DatabaseError as error:
            words = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise CommandError(f"The database does not answer, so nothing else was tried. {words}") from error
        bad = 0
        for found in checkup.run(send_to=options["send_test"].strip(), now=now):
            bad += not found.well
            self.stdout.write(f"{'ok  ' if found.well else 'FIX '} {found.name:<10} {found.text}")
        if bad:
            raise CommandError(f"{bad} to fix.")

"""`manage.py desk`: everything on one machine, under one supervisor."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from desk.house.addresses import NoPort
from desk.house.house import House
from desk.house.leftovers import Occupied
from desk.house.moving_in import Failed
from incidentdesk.kernel import embedded


class Command(BaseCommand):
    """Runs the desk until Ctrl-C; see docs/operations.md for what the environment may say."""

    help = "Start PostgreSQL, Valkey, web, worker, beat and keeper, and keep them running."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """`--prune` cleans up and runs nothing."""
        parser.add_argument("--prune", action="store_true", help="remove clusters whose data folder is gone")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, or prune."""
        if options["prune"]:
            removed = embedded.prune()
            self.stdout.write(f"Removed {len(removed)} clusters without an owner.")
            for folder in removed:
                self.stdout.write(f"  {folder}")
            return
        try:
            code = House(settings.DATA_DIR, self._say).run()
        except (Occupied, NoPort, Failed, RuntimeError) as error:
            raise CommandError(str(error)) from error
        sys.exit(code)

    def _say(self, line: str) -> None:
        try:
            self.stdout.write(line)
            self.stdout.flush()
        except OSError:  # whoever listened is gone; the desk goes on
            return

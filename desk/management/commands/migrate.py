"""`manage.py migrate`: as Django's, and it says whom it waits for instead of failing at the first lock."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as Migrate

from desk.migrating import StillLocked, patiently


class Command(Migrate):
    """Tries again while a table is locked, for five minutes."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate."""
        try:
            patiently(
                lambda: Migrate.handle(self, *args, **options),
                using=options["database"],
                say=lambda line: self.stderr.write(line),
            )
        except StillLocked as error:
            raise CommandError(str(error)) from error

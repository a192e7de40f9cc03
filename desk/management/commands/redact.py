"""`manage.py redact KEY SEQ --by EMAIL --reason TEXT`: take a secret out of a record, and leave a mark."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from desk.redacting import redact
from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import DeskError
from incidents.models import Incident
from people.audit import Event, Source
from people.models import User


class Command(BaseCommand):
    """Runs on the owner's address, since the application may change nothing of a record."""

    help = "Blank the text of one entry of a record. The entry, its time and its author stay; a mark says who and why."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which entry of which record, who does it, and why."""
        parser.add_argument("key", metavar="KEY", help="INC-2026-0042")
        parser.add_argument("seq", type=int, metavar="SEQ", help="the number of the entry")
        parser.add_argument(
            "--by", required=True, metavar="EMAIL", help="the administrator who answers for it"
        )
        parser.add_argument("--reason", required=True, help="why, without the secret in it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Blank and mark in one transaction."""
        incident = Incident.objects.filter(key=options["key"]).first()
        by = User.objects.filter(email__iexact=options["by"], is_active=True).first()
        if incident is None or by is None:
            raise CommandError(
                f"There is no {'such incident' if incident is None else 'active person with this address'}."
            )
        try:
            now = clock.now()
            with transaction.atomic():
                done = redact(incident, options["seq"], reason=options["reason"], by=by, now=now)
                about, details = f"redact {incident.key}", {"entry": options["seq"], "mark": done.mark}
                Source(by).record(Event.COMMAND, about=about, details=details, now=now)
        except DeskError as error:
            raise CommandError(error.sentence) from error
        self.stdout.write(
            f"The text of entry {options['seq']} is gone; entry {done.mark} says who did it and why."
        )
        if done.also:
            entries = ", ".join(str(seq) for seq in done.also)
            self.stdout.write(f"The same words are in entries {entries}. Redact these too.")

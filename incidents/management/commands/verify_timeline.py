"""`manage.py verify_timeline [KEY ...]`: is every record still what was written?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from incidentdesk.kernel import clock
from incidents.models import Incident
from incidents.verify import refold, verify


class Command(BaseCommand):
    """Names the first bad seq of each record that is not what was written, and exits 1 if there is one.

    What an older fold has stored is folded anew and stored.
    """

    help = "Verify the hash chain, texts and state of incidents (all, or those named by key)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Keys to verify; none means all."""
        parser.add_argument("keys", nargs="*", metavar="KEY")

    def handle(self, *args: Any, **options: Any) -> None:
        """Walk the records one by one."""
        found = Incident.objects.order_by("pk")
        if options["keys"]:
            found = found.filter(key__in=options["keys"])
        faults = checked = 0
        for incident in found.iterator():
            checked += 1
            fault = verify(incident)
            if fault is not None:
                faults += 1
                self.stdout.write(f"{fault.key}: first bad seq {fault.seq}. {fault.what}")
            elif refold(incident, now=clock.now()):
                self.stdout.write(f"{incident.key}: its state was folded anew.")
        self.stdout.write(f"{checked} verified, {faults} bad.")
        if faults:
            raise CommandError("At least one record is not what was written.")

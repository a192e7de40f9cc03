"""`manage.py verify_timeline [KEY ...] [--anchor FILE]`: is every record, and the security audit, what was written?"""

from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import Invalid
from incidents import anchor
from incidents.models import Incident
from incidents.verify import refold, verify
from people import audit_chain


class Command(BaseCommand):
    """Names the first bad seq of each record that is not what was written, and exits 1 if there is one.

    What an older fold has stored is folded anew and stored. Without keys it checks the security audit too.
    """

    help = "Verify the hash chain, texts and state of incidents (all, or those named by key) and the security audit."

    def add_arguments(self, parser: CommandParser) -> None:
        """Keys to verify; none means all."""
        parser.add_argument("keys", nargs="*", metavar="KEY")
        parser.add_argument(
            "--anchor",
            type=Path,
            metavar="FILE",
            help="compare with the heads in this file, then renew it; keep it on another machine",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Walk the records one by one, then the audit, then compare with what is kept elsewhere."""
        keys, file = options["keys"], options["anchor"]
        if keys and file:
            raise CommandError("An anchor file covers all records. Leave out the keys or --anchor.")
        now = clock.now()
        faults = self._records(keys, now)
        if not keys:
            head, fault = audit_chain.verify(now=now)
            self.stdout.write(f"Security audit: {fault or f'{head.seq} entries verified.'}")
            faults += int(bool(fault))
            faults += self._anchor(file, head, now, renew=not faults) if file else 0
        if faults:
            raise CommandError("At least one record is not what was written.")

    def _records(self, keys: list[str], now: datetime) -> int:
        found = Incident.objects.order_by("pk")
        if keys:
            found = found.filter(key__in=keys)
        faults = checked = 0
        for incident in found.iterator():
            checked += 1
            fault = verify(incident)
            if fault is not None:
                faults += 1
                self.stdout.write(f"{fault.key}: first bad seq {fault.seq}. {fault.what}")
            elif refold(incident, now=now):
                self.stdout.write(f"{incident.key}: its state was folded anew.")
        self.stdout.write(f"{checked} verified, {faults} bad.")
        return faults

    def _anchor(self, file: Path, head: audit_chain.Head, now: datetime, *, renew: bool) -> int:
        try:
            kept = anchor.read(file)
            faults = anchor.faults(kept)
            for said in faults:
                self.stdout.write(said)
            if faults or not renew:
                self.stdout.write(f"{file} was left unchanged.")
            else:
                anchor.write(file, anchor.current(head), now=now)
                self.stdout.write(f"{len(kept.heads)} heads in {file} agree; it was renewed.")
        except Invalid as error:
            raise CommandError(error.sentence) from error
        return len(faults)

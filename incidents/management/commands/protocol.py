"""`manage.py protocol load FILE | show`: the response protocol that new incidents are opened under."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from incidentdesk.kernel import clock
from incidents import lifecycle
from incidents.models import ProtocolVersion
from incidents.protocol import Protocol, parse
from incidents.protocol.definition import ProtocolError
from people.audit import Event, Source


class Command(BaseCommand):
    """Incidents keep the version they were opened under; loading changes new ones only."""

    help = "Load a protocol from a TOML file, or show what the current one says."

    def add_arguments(self, parser: CommandParser) -> None:
        """`load FILE`, `show [--number N] [--text]`."""
        commands = parser.add_subparsers(dest="command", required=True)
        load = commands.add_parser("load", help="check a file and make it the current protocol")
        load.add_argument("file", type=Path)
        show = commands.add_parser("show", help="say what a version holds")
        show.add_argument("--number", type=int, help="another version than the current one")
        show.add_argument("--text", action="store_true", help="print the file itself")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load or show."""
        if options["command"] == "load":
            self._load(options["file"])
        else:
            self._show(options["number"], text=options["text"])

    def _load(self, file: Path) -> None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}. The protocol is as it was.") from error
        before = ProtocolVersion.objects.order_by("-number").first()
        now = clock.now()
        try:
            version = lifecycle.store_protocol(text, now=now)
        except ProtocolError as error:
            lines = "\n".join(f"  {problem}" for problem in error.problems)
            raise CommandError(f"{file} was not loaded; the protocol is as it was.\n{lines}") from error
        if before and before.pk == version.pk and before.number == version.number:
            self.stdout.write(f"This is the current protocol already: version {version.number}.")
            return
        details: dict[str, str | int] = {"version": version.number, "sha256": version.digest}
        Source().record(Event.COMMAND, about="protocol load", details=details, now=now)
        self.stdout.write(
            f"Version {version.number} is current. Open incidents keep the version they began with."
        )

    def _show(self, number: int | None, *, text: bool) -> None:
        found = ProtocolVersion.objects.order_by("-number")
        version = found.filter(number=number).first() if number else found.first()
        if version is None:
            raise CommandError(
                "There is no such version; the shipped protocol is stored with the first incident."
            )
        self.stdout.write(version.text if text else "\n".join(_lines(version, parse(version.text))))


def _lines(version: ProtocolVersion, protocol: Protocol) -> list[str]:
    """A version in a page: its severities and the limit of each clock by severity."""
    found = [f"Version {version.number}, {protocol.name}, loaded {version.created_at:%Y-%m-%d %H:%M} UTC", ""]
    found += [f"{each.name}  {each.meaning}" for each in protocol.severities.values()]
    found += [
        "",
        f"{'clock':<28}{'from':<26}" + "".join(f"{each.name:>7}" for each in protocol.severities.values()),
    ]
    for each in protocol.clocks:
        limits = (each.limit(level) for level in protocol.severities)
        minutes = "".join(f"{'-' if limit is None else format(limit, 'g'):>7}" for limit in limits)
        found.append(f"{each.label:<28}{each.anchor:<26}{minutes}")
    return found

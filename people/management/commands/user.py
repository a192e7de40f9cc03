"""`manage.py user`: make a person or change one, and print what was made as JSON."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import DeskError
from people import accounts
from people.models import Team, User
from people.roles import Role


class Command(BaseCommand):
    """A door for operators; a person with this address is changed, else made."""

    help = "Make or change a person; prints one line of JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        """What may be said about a person."""
        parser.add_argument("--email", required=True)
        parser.add_argument("--name", help="needed for a new person")
        parser.add_argument("--role", action="append", choices=Role.values, help="once for each role")
        parser.add_argument("--team", help="the team's slug")
        parser.add_argument("--zone", help="IANA name, such as Europe/Berlin")
        parser.add_argument("--machine", action="store_true", help="acts by token only")
        parser.add_argument("--inactive", action="store_true", help="put the person out")
        given = parser.add_mutually_exclusive_group()
        given.add_argument("--password", help="seen by others on this machine; better from standard input")
        given.add_argument("--password-stdin", action="store_true", help="the first line of standard input")
        parser.add_argument("--keep-tokens", action="store_true", help="a new password ends no API token")
        parser.add_argument(
            "--keep-devices", action="store_true", help="a new password leaves known browsers known"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, in one transaction."""
        password = sys.stdin.readline().rstrip("\r\n") if options["password_stdin"] else options["password"]
        try:
            with transaction.atomic():
                user, made = self._put(options, password)
        except DeskError as error:
            raise CommandError(error.sentence) from error
        self.stdout.write(json.dumps(described(user) | {"made": made}))

    def _put(self, options: dict[str, Any], password: str | None) -> tuple[User, bool]:
        team = self._team(options["team"]) if options["team"] else None
        user = User.objects.filter(email=options["email"].strip().lower()).first()
        if user is None:
            made = accounts.create_user(
                email=options["email"],
                name=options["name"] or options["email"].split("@")[0],
                roles=options["role"] or (),
                team=team,
                zone=options["zone"] or (team.zone if team else "UTC"),
                password=password,
                is_machine=options["machine"],
            )
            return made, True
        accounts.change(user, name=options["name"], team=team, zone=options["zone"])
        if options["role"] is not None:
            accounts.set_roles(user, options["role"])
        if password is not None:
            accounts.set_password(
                user,
                password,
                keep_tokens=options["keep_tokens"],
                keep_devices=options["keep_devices"],
                now=clock.now(),
            )
        accounts.set_active(user, not options["inactive"])
        return user, False

    def _team(self, slug: str) -> Team:
        team, _ = Team.objects.get_or_create(
            slug=slug, defaults={"name": slug.replace("-", " ").capitalize()}
        )
        return team


def described(user: User) -> dict[str, Any]:
    """A person as JSON: never a password, never a digest."""
    return {
        "uid": str(user.uid),
        "email": user.email,
        "name": user.name,
        "roles": list(user.roles),
        "team": user.team.slug if user.team else None,
        "zone": user.zone,
        "active": user.is_active,
        "machine": user.is_machine,
    }

"""`manage.py user`: make a person or change one, and print what was made as JSON."""

import json
import sys
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import DeskError
from incidentdesk.kernel.host_names import known_mail
from people import administration, password_links
from people.administration import Profile
from people.audit import Source
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
        active = parser.add_mutually_exclusive_group()
        active.add_argument("--inactive", action="store_true", help="put the person out")
        active.add_argument("--active", action="store_true", help="let the person in again")
        given = parser.add_mutually_exclusive_group()
        given.add_argument("--password", help="seen by others on this machine; better from standard input")
        given.add_argument("--password-stdin", action="store_true", help="the first line of standard input")
        given.add_argument(
            "--password-link", action="store_true", help="print a link with which they set it, once"
        )
        parser.add_argument("--keep-tokens", action="store_true", help="a new password ends no API token")
        parser.add_argument(
            "--keep-devices", action="store_true", help="a new password leaves known browsers known"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, in one transaction."""
        password = sys.stdin.readline().rstrip("\r\n") if options["password_stdin"] else options["password"]
        now = clock.now()
        try:
            with transaction.atomic():
                user, made = self._put(options, now)
                if password is not None:
                    administration.set_password(
                        user,
                        password,
                        source=Source(),
                        now=now,
                        keep_tokens=options["keep_tokens"],
                        keep_devices=options["keep_devices"],
                    )
                link = (
                    {"password_link": password_links.show(user, source=Source(), now=now)}
                    if options["password_link"]
                    else {}
                )
        except DeskError as error:
            raise CommandError(error.sentence) from error
        self.stdout.write(json.dumps(described(user) | {"made": made} | link))

    def _put(self, options: dict[str, Any], now: datetime) -> tuple[User, bool]:
        team = self._team(options["team"]) if options["team"] else None
        user = User.objects.filter(email=known_mail(options["email"])).first()
        if user is None:
            profile = Profile(
                name=options["name"] or options["email"].split("@")[0],
                email=options["email"],
                roles=tuple(options["role"] or ()),
                team=team,
                zone=options["zone"] or (team.zone if team else "UTC"),
                active=not options["inactive"],
            )
            machine = options["machine"]
            return administration.create(profile, is_machine=machine, source=Source(), now=now), True
        kept = Profile.of(user)
        wanted = replace(
            kept,
            name=options["name"] or kept.name,
            roles=kept.roles if options["role"] is None else tuple(options["role"]),
            team=team or kept.team,
            zone=options["zone"] or kept.zone,
            active=(kept.active or options["active"]) and not options["inactive"],
        )
        return administration.change(user, wanted, source=Source(), now=now), False

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

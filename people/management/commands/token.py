"""`manage.py token`: make an API token and print it as JSON. The text is printed this once."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import DeskError
from incidentdesk.kernel.host_names import known_mail
from people import administration, tokens
from people.audit import Source
from people.models import User
from people.roles import Scope


class Command(BaseCommand):
    """A door for operators."""

    help = "Make an API token for a person; prints one line of JSON with the token in it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, for what, and until when."""
        parser.add_argument("--user", required=True, help="the person's e-mail address")
        parser.add_argument("--scope", action="append", required=True, choices=Scope.values)
        parser.add_argument("--name", default="made on the command line")
        parser.add_argument(
            "--days",
            type=float,
            help="ends after so many days: at most 366, if left out 90, or 365 for a service account",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it."""
        user = User.objects.filter(email=known_mail(options["user"]), is_active=True).first()
        if user is None:
            raise CommandError(f"Nobody active has the address {options['user']}. No token was made.")
        now = clock.now()
        try:
            ends = tokens.ends_at(user, now=now, days=options["days"])
            text, row = administration.make_token(
                user,
                name=options["name"],
                scopes=options["scope"],
                expires_at=ends,
                source=Source(),
                now=now,
            )
        except DeskError as error:
            raise CommandError(error.sentence) from error
        self.stdout.write(
            json.dumps(
                {
                    "token": text,
                    "uid": str(row.uid),
                    "name": row.name,
                    "user": user.email,
                    "scopes": list(row.scopes),
                    "expires_at": ends.isoformat(),
                }
            )
        )

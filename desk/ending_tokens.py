"""Administrators hear of a program's token two weeks before it ends: a sender of alerts must not fall silent by itself."""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from desk import administrators
from people import tokens

AHEAD: Final = timedelta(days=14)
BODY: Final = """The token "{name}" ({prefix}...) of {who} ends on {ends:%Y-%m-%d at %H:%M} UTC.
From then on the program that uses it gets 401, and alerts that it sends are lost.

Make a new one, put it into the program, then revoke this one:

manage.py token --user {email}{scopes} --name "{name}"

All tokens: {url}
"""


def tell(*, now: datetime) -> int:
    """Mail the administrators about tokens that end soon, each once; how many mails that were. `now` is aware UTC."""
    return sum(
        administrators.tell(
            f"token.ends:{row.uid}",
            subject=f"An API token of {row.user.name} ends on {row.expires_at:%Y-%m-%d}",
            body=BODY.format(
                name=row.name,
                prefix=row.prefix,
                who=row.user.name,
                email=row.user.email,
                ends=row.expires_at,
                scopes="".join(f" --scope {scope}" for scope in row.scopes),
                url=f"{settings.BASE_URL}/administration/people/apitoken/",
            ),
            thread="desk.tokens",
            now=now,
        )
        for row in tokens.ending(now=now, within=AHEAD)
    )


def count(now: datetime) -> int:
    """How many end soon."""
    return len(tokens.ending(now=now, within=AHEAD))

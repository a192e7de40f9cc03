"""Who asks: a live token in `Authorization`, with a scope, acting as its person (S16). Never a session or an address.

A token never gives more than its person's own rights; those are asked again by every flow and every read.
"""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja.security import HttpBearer

from desk import bad_tokens
from desk.api import limits
from desk.api.errors import NoToken, TooMany
from incidentdesk.kernel import clock
from incidentdesk.kernel.client_address import client_address
from incidentdesk.kernel.errors import NotAllowed
from people import tokens
from people.models import ApiToken, User
from people.roles import Scope


class Bearer(HttpBearer):
    """Asks for a token with one scope."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> ApiToken:
        """The token. Raises NoToken, or TooMany after too many of those; NotAllowed where it has another scope."""
        return self.authenticate(request, tokens.bearer(request.headers.get("Authorization", "")))

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken:
        """As the call, of the token's text."""
        now = clock.now()
        found = tokens.check(token, now=now, address=client_address(request))
        if found is None:
            slowed = bad_tokens.too_many(request, now=now)
            raise TooMany(bad_tokens.PER, bad=True) if slowed else NoToken()
        limits.count(f"token:{found.pk}", now=now)
        request.auth = found  # type: ignore[attr-defined]  # also where the scope is refused: the audit names the person
        request.now = now  # type: ignore[attr-defined]  # one reading of the clock a request
        if not tokens.allows(found, self.scope):
            raise NotAllowed(
                f"This token lacks the scope {self.scope.value}. Nothing was changed; use one that has it."
            )
        return found


READ = Bearer(Scope.INCIDENTS_READ)
WRITE = Bearer(Scope.INCIDENTS_WRITE)


def person(request: Any) -> User:
    """On whose behalf the token acts."""
    user: User = request.auth.user
    return user


def instant(request: Any) -> datetime:
    """When this request came, by the database's clock."""
    now: datetime = request.now
    return now


def administers(request: Any) -> bool:
    """Whether an administrator's token was made for administering, too."""
    return tokens.allows(request.auth, Scope.ADMIN)

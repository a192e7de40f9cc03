"""People for tests: the smallest valid row, everything relevant visible in the test."""

import itertools
from collections.abc import Iterable
from datetime import date

from people import accounts
from people.models import Team, User

_numbers = itertools.count(1)

PASSWORD = "a long night at sea"


def make_user(
    name: str = "Sarah",
    *,
    roles: Iterable[str] = ("ic", "engineer"),
    team: Team | None = None,
    zone: str = "UTC",
    email: str | None = None,
    password: str | None = None,
    is_machine: bool = False,
    is_demo: bool = False,
) -> User:
    """A person who can act but, unless a password is given, not sign in with one."""
    return accounts.create_user(
        email=email or f"{name.lower().replace(' ', '.')}.{next(_numbers)}@example.org",
        name=name,
        roles=roles,
        team=team,
        zone=zone,
        password=password,
        is_machine=is_machine,
        is_demo=is_demo,
    )


def make_team(
    name: str = "Payments",
    *,
    zone: str = "UTC",
    people: Iterable[User] = (),
    manager: User | None = None,
    holidays: Iterable[date] = (),
) -> Team:
    """A team whose pages go to `people` in this order."""
    number = next(_numbers)
    team = Team.objects.create(
        name=f"{name} {number}",
        slug=f"{name.lower().replace(' ', '-')}-{number}",
        zone=zone,
        manager=manager,
        holidays=list(holidays),
    )
    accounts.set_escalation(team, people)
    return team

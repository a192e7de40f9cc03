"""The people of the demonstration: Northline Payments, a fintech with four teams. Twice is safe.

Nobody has a password: the sign-in page signs them in by one click, on the machine itself alone.
"""

from dataclasses import dataclass
from datetime import date

from django.db import transaction

from people import accounts
from people.models import Team, User
from people.roles import Role

ORGANISATION = "Northline Payments"


@dataclass(frozen=True)
class Person:
    """One of the cast."""

    name: str
    roles: tuple[Role, ...]
    team: str | None
    zone: str

    @property
    def email(self) -> str:
        """`sarah.okafor@northline.example`: a domain that can never receive mail."""
        ascii_name = self.name.lower().replace("á", "a").replace("ó", "o")
        return f"{ascii_name.replace(' ', '.')}@northline.example"


TEAMS: dict[str, tuple[str, str]] = {
    "payments-platform": ("Payments platform", "Europe/Berlin"),
    "data-and-storage": ("Data and storage", "Europe/Madrid"),
    "application-support": ("Application support", "Europe/London"),
    "customer-care": ("Customer care", "Europe/Helsinki"),
}

PEOPLE: tuple[Person, ...] = (
    Person("Sarah Okafor", (Role.IC, Role.ENGINEER), "payments-platform", "Europe/Berlin"),
    Person("Alex Lindqvist", (Role.ENGINEER,), "payments-platform", "Europe/Stockholm"),
    Person("Dana Whitlock", (Role.IC, Role.MANAGER), "payments-platform", "Europe/London"),
    Person("Mikael Aalto", (Role.IC, Role.ENGINEER), "payments-platform", "Europe/Helsinki"),
    Person("Priya Nair", (Role.SME, Role.ENGINEER), "data-and-storage", "Asia/Kolkata"),
    Person("Tomás Vidal", (Role.SME, Role.ENGINEER), "data-and-storage", "Europe/Madrid"),
    Person("Helen Marsh", (Role.MANAGER,), "data-and-storage", "Europe/London"),
    Person("Wei Zhang", (Role.SUPPORT,), "application-support", "Asia/Singapore"),
    Person("Jordan Reyes", (Role.COMMS, Role.SUPPORT), "application-support", "Europe/London"),
    Person("Lena Brandt", (Role.CUSTOMER_SUPPORT,), "customer-care", "Europe/Berlin"),
    Person("Marcus Hale", (Role.EXECUTIVE,), None, "Europe/London"),
    Person("Ines Duarte", (Role.ADMIN,), None, "Europe/Lisbon"),
    Person("Noor Haddad", (Role.SPECTATOR,), None, "Europe/Amsterdam"),
)

ESCALATION: dict[str, tuple[str, ...]] = {
    "payments-platform": ("Sarah Okafor", "Mikael Aalto", "Alex Lindqvist", "Dana Whitlock"),
    "data-and-storage": ("Priya Nair", "Tomás Vidal", "Helen Marsh"),
    "application-support": ("Wei Zhang", "Jordan Reyes", "Dana Whitlock"),
    "customer-care": ("Wei Zhang", "Helen Marsh"),
}

MANAGERS: dict[str, str] = {
    "payments-platform": "Dana Whitlock",
    "data-and-storage": "Helen Marsh",
    "application-support": "Dana Whitlock",
    "customer-care": "Helen Marsh",
}

HOLIDAYS = (date(2026, 1, 1), date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 1), date(2026, 12, 25))


@transaction.atomic
def make() -> dict[str, User]:
    """Make the teams, people and escalation lists that are not there yet; everybody by name.

    What is there stays as it is, so changes tried out by hand survive the next start.
    """
    teams = {slug: _team(slug, name, zone) for slug, (name, zone) in TEAMS.items()}
    people = {person.name: _person(person, teams) for person in PEOPLE}
    for slug, team in teams.items():
        if team.manager is None:
            team.manager = people[MANAGERS[slug]]
            team.save(update_fields=["manager"])
        if not team.steps.exists():
            accounts.set_escalation(team, [people[name] for name in ESCALATION[slug]])
    return people


def present() -> bool:
    """Whether the demonstration's people are there."""
    return User.objects.filter(is_demo=True).exists()


def _team(slug: str, name: str, zone: str) -> Team:
    team, _ = Team.objects.get_or_create(
        slug=slug, defaults={"name": name, "zone": zone, "holidays": list(HOLIDAYS)}
    )
    return team


def _person(person: Person, teams: dict[str, Team]) -> User:
    found = User.objects.filter(email=person.email).first()
    if found is not None:
        return found
    return accounts.create_user(
        email=person.email,
        name=person.name,
        roles=person.roles,
        team=teams[person.team] if person.team else None,
        zone=person.zone,
        is_demo=True,
    )

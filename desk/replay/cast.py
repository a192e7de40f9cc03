"""The people, teams, services and clients of a scenario as rows, apart from those that are there already."""

from dataclasses import dataclass, field

from django.utils.text import slugify

from desk.replay.scenario import Scenario
from incidents.models import Client, Service
from people import accounts
from people.models import Team, User


@dataclass
class Cast:
    """The rows of one run, by their names in the file."""

    people: dict[str, User] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)

    @property
    def names(self) -> dict[int, str]:
        """Names in the file by the ids of users."""
        return {user.pk: name for name, user in self.people.items()}


def assemble(scenario: Scenario, run: str) -> Cast:
    """Make the rows. `run` is unique, and stands in slugs and addresses, so that nothing there is touched."""
    cast = Cast()
    for team in scenario.teams:
        cast.teams[team.name] = Team.objects.create(
            name=_free(Team, team.name, run),
            slug=_slug(team.name, run),
            zone=team.zone,
            holidays=list(team.holidays),
        )
    for person in scenario.people:
        cast.people[person.name] = accounts.create_user(
            email=f"{slugify(person.name) or 'person'}.{len(cast.people) + 1}.{run}@replay.example", name=person.name,
            roles=person.roles, team=cast.teams.get(person.team), zone=person.zone,
        )  # fmt: skip
    for team in scenario.teams:
        row = cast.teams[team.name]
        row.manager = cast.people.get(team.manager)
        row.save(update_fields=["manager"])
        accounts.set_escalation(row, [cast.people[name] for name in team.escalation])
    for client in scenario.clients:
        slug = _slug(client, run)
        cast.clients[client] = Client.objects.create(
            name=_free(Client, client, run), slug=slug, contact_emails=[f"{slug}@replay.example"]
        )
    for service in scenario.services:
        made = Service.objects.create(
            name=_free(Service, service.name, run), slug=_slug(service.name, run), team=cast.teams[service.team],
            critical_path=service.critical_path, core_revenue=service.core_revenue, bridge=service.bridge,
            revenue_per_hour=int(service.revenue_per_hour),
        )  # fmt: skip
        made.clients.set([cast.clients[name] for name in service.clients])
        cast.services[service.name] = made
    return cast


def dismiss(cast: Cast) -> None:
    """After a run that is kept: its people stay in the record and take no further part."""
    for user in cast.people.values():
        accounts.set_active(user, False)


def _slug(name: str, run: str) -> str:
    return f"{slugify(name)[:36] or 'x'}-{run}"


def _free(model: type[Team] | type[Service] | type[Client], name: str, run: str) -> str:
    """The name, or with the run's mark where another row has it."""
    taken = model._default_manager.filter(name=name).exists()
    return f"{name} ({run})" if taken else name

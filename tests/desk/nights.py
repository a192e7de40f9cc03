"""A team on call and a source of alerts, for tests of what wakes whom."""

from datetime import datetime
from typing import Any

from desk.admission import admit_pending
from desk.flows import ACTS
from desk.forms.alerts import AcknowledgeForm
from incidents.models import Incident, TimelineEntry
from oncall.models import Page
from people.models import User
from tests.factories import T0, make_service, new_id
from tests.oncall.makers import make_source, receive
from tests.people.factories import make_team, make_user


class Night:
    """A team of three on call for the service `ledger`, and a source that may send alerts."""

    def __init__(self) -> None:
        self.anna, self.ben, self.cleo = (
            make_user(name, roles=("ic", "engineer")) for name in ("Anna", "Ben", "Cleo")
        )
        self.team = make_team("Payments", people=(self.anna, self.ben, self.cleo), zone="Europe/Berlin")
        self.service = make_service("Ledger", team=self.team)
        self.token = make_source(T0)

    def sends(self, *told: dict[str, Any], at: datetime, group: str = "g1") -> None:
        """The source sends, and the tick of that instant admits."""
        receive(self.token, *told, group=group)
        admit_pending(now=at)

    @property
    def incident(self) -> Incident:
        """The one incident there is."""
        return Incident.objects.get()

    def acknowledge(
        self, by: User, *, at: datetime, page: int | None = None, incident: Incident | None = None
    ) -> str:
        """Acknowledge through the flow; its sentence."""
        pk = (incident or self.incident).pk
        return ACTS["acknowledgements"](
            pk, AcknowledgeForm(page=page), by=by, request_id=new_id(), now=at
        ).sentence


def kinds(incident: Incident) -> list[str]:
    """The kinds of its entries, in their order."""
    return list(
        TimelineEntry.objects.filter(incident=incident).order_by("seq").values_list("kind", flat=True)
    )


def paged(incident: Incident | None = None) -> list[tuple[str, str, int]]:
    """Who was paged, in which call, how far down the list."""
    pages = Page.objects.filter(incident=incident) if incident else Page.objects.all()
    return [(page.user.name, page.call, page.level) for page in pages.select_related("user")]

"""Which runbooks apply to what is broken."""

from dataclasses import dataclass

from incidentdesk.kernel import sql


@dataclass(frozen=True, slots=True)
class Match:
    """A runbook that applies, and for which of the services. `whole` says how many apply in all."""

    title: str
    slug: str
    services: tuple[str, ...]
    whole: int = 1

    @property
    def url(self) -> str:
        """Its address."""
        return f"/runbooks/{self.slug}/"

    @property
    def names(self) -> str:
        """`Ledger and Checkout`."""
        *others, last = self.services
        return f"{', '.join(others)} and {last}" if others else last


# Own trouble first, then what the services lean on: a runbook of a dependency is worth a look, lower down.
APPLYING = """
WITH hit AS (SELECT service_id FROM incidents_incident_services WHERE incident_id = %s)
SELECT r.title, r.slug, array_agg(s.name ORDER BY s.name), count(*) OVER () FROM runbooks_runbook r
JOIN runbooks_runbook_services x ON x.runbook_id = r.id
JOIN incidents_service s ON s.id = x.service_id
WHERE x.service_id IN (SELECT service_id FROM hit)
   OR x.service_id IN (SELECT d.to_service_id FROM incidents_service_dependencies d JOIN hit ON hit.service_id = d.from_service_id)
GROUP BY r.id, r.title, r.slug ORDER BY bool_or(x.service_id IN (SELECT service_id FROM hit)) DESC, r.title LIMIT 20
"""


def applying(incident: int) -> list[Match]:
    """The runbooks for the services of an incident (its id) and for what those depend on, their own first; one statement.

    At most 20; each says how many there are.
    """
    return [
        Match(title, slug, tuple(names), whole) for title, slug, names, whole in sql.run(APPLYING, [incident])
    ]

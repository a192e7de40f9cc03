"""Services with owners, dependencies and critical-path flags, and the clients who depend on them."""

from dataclasses import dataclass

from django.db import transaction

from incidents.models import Client, Service
from people.models import Team


@dataclass(frozen=True)
class Entry:
    """One service of the catalogue; money is per hour, in euros."""

    slug: str
    name: str
    team: str
    critical: bool = False
    core: bool = False
    revenue: int = 0
    needs: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()


CLIENTS = {
    "kestrel-bank": "Kestrel Bank",
    "osprey-travel": "Osprey Travel",
    "brightwater-retail": "Brightwater Retail",
    "lumen-foods": "Lumen Foods",
    "alpha-wallet": "Alpha Wallet",
}

SERVICES = (
    Entry("primary-database", "Primary database", "data-and-storage", critical=True, core=True, revenue=38_400,
          clients=tuple(CLIENTS)),
    Entry("ledger", "Ledger", "payments-platform", critical=True, core=True, revenue=38_400, needs=("primary-database",),
          clients=tuple(CLIENTS)),
    Entry("checkout", "Checkout", "payments-platform", critical=True, core=True, revenue=21_000,
          needs=("ledger", "login"), clients=("osprey-travel", "brightwater-retail", "lumen-foods")),
    Entry("payouts", "Payouts", "payments-platform", core=True, revenue=6_200, needs=("ledger",),
          clients=("kestrel-bank", "alpha-wallet")),
    Entry("login", "Login", "payments-platform", critical=True, needs=("primary-database",), clients=tuple(CLIENTS)),
    Entry("client-portal", "Client portal", "application-support", needs=("login", "ledger"),
          clients=("kestrel-bank", "osprey-travel", "alpha-wallet")),
    Entry("search", "Transaction search", "application-support", needs=("primary-database",)),
    Entry("reports", "Monthly reports", "customer-care", needs=("ledger",), clients=("lumen-foods",)),
)  # fmt: skip


@transaction.atomic
def make() -> None:
    """Make clients and services that are not there; what is there stays as it is."""
    clients = {
        slug: Client.objects.get_or_create(
            slug=slug, defaults={"name": name, "contact_emails": [f"operations@{slug}.example"]}
        )[0]
        for slug, name in CLIENTS.items()
    }
    made = {entry.slug: _service(entry) for entry in SERVICES}
    for entry in SERVICES:
        service, fresh = made[entry.slug]
        if fresh:
            service.dependencies.set(made[slug][0] for slug in entry.needs)
            service.clients.set(clients[slug] for slug in entry.clients)


def _service(entry: Entry) -> tuple[Service, bool]:
    return Service.objects.get_or_create(
        slug=entry.slug,
        defaults={
            "name": entry.name,
            "team": Team.objects.get(slug=entry.team),
            "critical_path": entry.critical,
            "core_revenue": entry.core,
            "revenue_per_hour": entry.revenue,
            "bridge": f"https://meet.northline.example/{entry.slug}" if entry.critical else "",
            "dashboards": [
                {"name": "Overview", "url": f"https://grafana.northline.example/d/{entry.slug}"},
                {"name": "Logs", "url": f"https://logs.northline.example/?service={entry.slug}"},
            ],
        },
    )

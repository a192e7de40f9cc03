"""An incident as it stands in the middle of a night: told to the running desk by the people who would."""

from datetime import UTC, datetime, timedelta

from tests.browser.cast import Person

CHANGE = {
    "what": "Fail the ledger over to the standby in zone B",
    "target": "ledger-db-1",
    "why": "The primary has answered no write for eleven minutes; its disk reports errors.",
    "effect": "Writes succeed again within two minutes",
    "risk": "Up to 30 s without reads; the last 2 s of writes may be lost",
    "loss": "At most 2 s of writes, which payments retries",
    "undo": "Fail back once the old primary has caught up",
}


def declare(by: Person, *, minutes_ago: float = 2, **fields: object) -> str:
    """A SEV-1 whose alert fired so many minutes ago; its key."""
    fired = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return by.declare(alert_fired_at=fired.isoformat(), **fields)


def commanded(sarah: Person, **fields: object) -> str:
    """Declared, with Sarah as incident commander."""
    key = declare(sarah, **fields)
    sarah.act(key, "seats", role="ic")
    return key


def propose(by: Person, key: str, **fields: object) -> None:
    """A change that waits for an approval."""
    by.act(key, "changes", **{**CHANGE, **fields})


def whole(sarah: Person, alex: Person, priya: Person, jordan: Person) -> str:
    """Commanded, staffed, with findings, theories, an update to everybody, one change done and one waiting."""
    key = commanded(
        sarah, minutes_ago=14, title="SEV-1 Ledger, Primary database: card payments fail", symptom="card payments fail at checkout",
        services=["ledger", "primary-database"], clients=["kestrel-bank", "osprey-travel"],
    )  # fmt: skip
    for role, domain, name in (
        ("ops", "", "alex"),
        ("comms", "", "jordan"),
        ("sme", "database", "priya"),
    ):
        sarah.act(key, "seats", role=role, domain=domain, person=sarah.uid(name))
    sarah.act(key, "objectives", text="Customers can pay by card again")
    alex.log(
        key,
        "All writes to the ledger time out since 02:34",
        source="ledger logs",
        value="timeout after 5000 ms",
    )
    alex.act(key, "impact", fails="Card payments fail at checkout", percent=62, users=18400, error_rate="61 %",
             tickets=41, stuck=1260)  # fmt: skip
    alex.log(key, "Reads are fine: balances show", source="probe", value="p95 180 ms", shareable=True)
    jordan.act(
        key, "updates", kind="full", audiences=["responders", "executives", "clients"], status="investigating",
        impact="Card payments fail for about six in ten customers. Balances can be seen.",
        known="All writes to the ledger time out.", doing="We are looking at the database's disk.",
        shareable="Balances can be seen.", business="About 38,400 euros an hour at risk.",
    )  # fmt: skip
    priya.log(
        key, "The primary's disk reports errors since 02:31", source="dmesg", value="I/O error, dev nvme1n1"
    )
    priya.act(
        key, "entries", kind="theory", text="The volume of the primary is failing; the standby has its own"
    )
    alex.act(
        key, "entries", kind="nothing", text="No deploy and no configuration change since yesterday noon"
    )
    priya.act(key, "entries", kind="question", text="Is the standby caught up?")
    priya.log(key, "The standby is 2 s behind", source="pg_stat_replication", value="replay_lag 00:00:02")
    sarah.act(
        key, "entries", kind="decision", text="We fail over rather than repair", why="A repair takes an hour"
    )
    propose(priya, key, what="Stop the nightly reports", target="reports", why="They read from the failing disk",
            effect="Less load on the primary", risk="Reports come an hour late", undo="Start them again")  # fmt: skip
    sarah.act(key, "approvals", number=1)
    priya.act(key, "starts", number=1)
    priya.act(key, "finishes", number=1, text="Stopped; nothing differed")
    propose(priya, key, implementer=sarah.uid("priya"))
    return key

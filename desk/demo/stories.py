"""What happened in the three past incidents of the demonstration, minute by minute."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

RESOLVE = dict.fromkeys(("errors", "lag", "pool", "queue", "clients"), "ticked")
CLOSE = dict.fromkeys(
    ("notice", "cover", "rotation", "suppressions", "workarounds", "followups", "confirmations", "timeline"),
    "ticked",
)


@dataclass(frozen=True)
class Told:
    """One act: minutes after the alert, by whom, the act's noun, its fields."""

    minute: float
    who: str
    noun: str
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """One incident, from its alert on."""

    alert: str
    service: str
    presumed: int
    summary: str
    days_ago: int
    starts: timedelta
    told: tuple[Told, ...]


SARAH, ALEX, JORDAN, PRIYA, DANA, WEI = (
    "Sarah Okafor", "Alex Lindqvist", "Jordan Reyes", "Priya Nair", "Dana Whitlock", "Wei Zhang",
)  # fmt: skip
ALL = ["responders", "executives", "clients", "public"]

DATABASE = Story(
    "DatabaseWriteErrors", "primary-database", 1, "writes fail, 14,000 errors a minute, replicas lag 47 s", 9,
    timedelta(hours=2, minutes=47),
    (
        Told(1, PRIYA, "acknowledgements"),
        Told(3, PRIYA, "entries", {"kind": "finding", "text": "Disk of the primary is saturated, replica lag rises.",
                                   "source": "Grafana, primary-database", "value": "disk I/O 100%, lag 47 s"}),
        Told(4, PRIYA, "pages", {"person": SARAH, "text": "Writes fail for everybody, I need a commander."}),
        Told(5, SARAH, "declarations", {"severity": 1, "symptom": "No payment can be written", "affected": "yes",
                                        "share": "over", "core": "yes", "worse": "yes"}),
        Told(5, SARAH, "seats", {"role": "ic"}),
        Told(5, SARAH, "seats", {"role": "ops", "person": ALEX}),
        Told(5, SARAH, "seats", {"role": "comms", "person": JORDAN}),
        Told(5, SARAH, "seats", {"role": "sme", "domain": "database", "person": PRIYA}),
        Told(6, SARAH, "objectives", {"text": "Writes to the primary database work again"}),
        Told(6, JORDAN, "bridge-joins"),
        Told(7, ALEX, "bridge-joins"),
        Told(7, PRIYA, "bridge-joins"),
        Told(8, JORDAN, "updates", {"audiences": ALL, "impact": "Payments are failing for all customers since 02:47.",
                                    "known": "Writes to the primary database fail."}),
        Told(9, ALEX, "blast-radius", {"services": ["primary-database", "ledger", "checkout", "payouts"],
                                       "text": "Every write path. Reads are still served."}),
        Told(10, ALEX, "entries", {"kind": "theory", "text": "The settlement batch exhausted the connection pool."}),
        Told(16, ALEX, "impact", {"users": 212000, "revenue": 38400, "fails": "every payment", "worse": "no"}),
        Told(18, PRIYA, "entries", {"kind": "finding", "cause": True, "source": "controller log", "value": "queue depth 900",
                                    "text": "The primary's disk controller is failing; its write cache went off at 02:46."}),
        Told(18, ALEX, "changes", {"what": "Fail over to the secondary", "target": "primary-database",
                                   "why": "The controller will not recover", "effect": "Writes return within a minute",
                                   "risk": "About 30 s of writes lost, in-flight payments are retried",
                                   "undo": "Fail back once the controller is replaced", "notice": True}),
        Told(19, SARAH, "approvals", {"number": 1, "note": "30 s of writes are cheaper than one more minute of none."}),
        Told(21, ALEX, "starts", {"number": 1}),
        Told(22, JORDAN, "updates", {"audiences": ALL, "impact": "Payments still fail.",
                                     "doing": "Moving to the standby database."}),
        Told(25, ALEX, "finishes", {"number": 1, "text": "Secondary promoted, pools re-pointed."}),
        Told(25, ALEX, "confirmations", {"number": 1, "seen": "yes", "text": "Writes come back on db-02."}),
        Told(28, SARAH, "alert-resolved"),
        Told(28, SARAH, "impact-ends", {"note": "Error rate and latency back at baseline."}),
        Told(30, JORDAN, "updates", {"audiences": ALL, "impact": "Payments work again for all customers since 03:15.",
                                     "doing": "Watching closely."}),
        Told(43, SARAH, "resolutions", {"proof": "Errors 0 a minute since 03:15, write p95 41 ms (Grafana)",
                                        "review_after_hours": 36, "items": RESOLVE}),
        Told(45, JORDAN, "updates", {"audiences": ALL, "status": "resolved",
                                     "impact": "Payments work normally. They failed from 02:47 to 03:15."}),
        Told(1300, DANA, "closures", {"items": CLOSE, "reason": "All clients confirmed by phone."}),
    ),
)  # fmt: skip

PAYOUTS = Story(
    "PayoutQueueGrowing", "payouts", 2, "payouts to Kestrel Bank wait, queue grows", 20, timedelta(hours=13, minutes=5),
    (
        Told(2, ALEX, "acknowledgements", {"page": 1}),
        Told(4, SARAH, "declarations", {"severity": 2, "symptom": "Payouts to one bank are delayed", "affected": "yes",
                                        "share": "middle", "core": "no", "worse": "no"}),
        Told(5, SARAH, "seats", {"role": "ic"}),
        Told(5, SARAH, "seats", {"role": "ops", "person": ALEX}),
        Told(6, SARAH, "seats", {"role": "comms", "person": WEI}),
        Told(9, WEI, "updates", {"audiences": ALL, "impact": "Payouts to Kestrel Bank arrive late."}),
        Told(17, ALEX, "entries", {"kind": "finding", "cause": True, "text": "The bank answers with rate limits since 13:00.",
                                   "source": "payouts log", "value": "429 on 61% of calls"}),
        Told(19, ALEX, "changes", {"what": "Halve the payout rate", "target": "payouts", "why": "The bank limits us",
                                   "effect": "Payouts drain slowly", "risk": "Payouts to others wait up to 4 minutes",
                                   "undo": "Restore the rate"}),
        Told(27, SARAH, "approvals", {"number": 1}),
        Told(28, ALEX, "starts", {"number": 1}),
        Told(30, ALEX, "finishes", {"number": 1}),
        Told(41, ALEX, "confirmations", {"number": 1, "seen": "yes"}),
        Told(52, SARAH, "alert-resolved"),
        Told(54, SARAH, "impact-ends"),
        Told(55, WEI, "updates", {"audiences": ALL, "impact": "Payouts flow again."}),
        Told(71, SARAH, "resolutions", {"proof": "Queue empty, 0 rate limits for 15 min", "review_after_hours": 30,
                                        "items": RESOLVE}),
        Told(1500, DANA, "closures", {"items": CLOSE, "reason": "Kestrel Bank confirmed."}),
    ),
)  # fmt: skip

SEARCH = Story(
    "SearchSlow", "search", 3, "transaction search answers slowly", 2, timedelta(hours=9, minutes=30),
    (
        Told(12, WEI, "acknowledgements"),
        Told(15, WEI, "declarations", {"severity": 3, "symptom": "Search answers in 8 s instead of 1", "affected": "yes",
                                       "share": "under", "core": "no", "worse": "no"}),
        Told(30, WEI, "entries", {"kind": "finding", "text": "A reindex runs since 09:20.", "source": "search log",
                                  "value": "reindex 41%"}),
        Told(48, WEI, "moves", {"to": "mitigating", "workaround": "Reindex paused until the evening"}),
        Told(54, WEI, "alert-resolved"),
        Told(55, WEI, "impact-ends", {"note": "p95 back under 1 s"}),
        Told(60, WEI, "resolutions", {"proof": "p95 0.8 s", "items": RESOLVE}),
    ),
)  # fmt: skip

STORIES = (PAYOUTS, DATABASE, SEARCH)

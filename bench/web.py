"""Cases that ask the web: what a poll, an act and an alert cost beside a bare view."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

from bench import machine, stage
from bench.client import Sample, forever, get, load, once, post
from bench.house import Desk

CONNECTIONS = 16


@dataclass
class Case:
    """One kind of request. `requests` gives a fresh endless stream; `bare` asks the yardstick's server."""

    name: str
    requests: Callable[[], Iterator[bytes]]
    expect: int
    connections: int = 4
    bare: bool = False
    frozen: bool = False
    rates: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)


def run(desk: Desk, case: Case, *, seconds: float) -> Sample:
    """One round of one case; appends its rate, processor time a request in ms (the web's; with the database's) and p99."""
    pids = desk.bare_pids() if case.bare else desk.pids("web")
    servers = [] if case.bare else desk.pids("postgres")
    before, held = machine.cpu(pids), machine.cpu(servers)
    sample = load(
        desk.bare_port if case.bare else desk.port, case.requests(), connections=case.connections, seconds=seconds,
        expect=case.expect, warm=2,
    )  # fmt: skip
    case.rates.append(sample.rate)
    web, database = machine.cpu(pids) - before, machine.cpu(servers) - held
    case.cpu.append(web / max(1, sample.count) * 1000)
    case.cost.append((web + database) / max(1, sample.count) * 1000)
    case.p99.append(sample.latency(0.99) * 1000)
    return sample


def interleave(desk: Desk, cases: list[Case], *, rounds: int, seconds: float) -> None:
    """All cases one after the other, round by round; the first is the yardstick of its round."""
    for number in range(rounds):
        for case in cases:
            if case.frozen:
                with desk.frozen():
                    run(desk, case, seconds=seconds)
            else:
                run(desk, case, seconds=seconds)
            case.ratios.append(case.rates[-1] / cases[0].rates[-1])
        line = "  ".join(f"{case.name} {case.rates[-1]:.0f}/s {case.ratios[-1]:.3f}" for case in cases)
        print(f"  round {number + 1}: {line}", flush=True)


def by_cost(case: Case, yardstick: Case) -> list[float]:
    """How much of the yardstick's work a core would do, by processor time alone: what others use does not count."""
    return [bare / cost for bare, cost in zip(yardstick.cost, case.cost, strict=True)]


def bare() -> Case:
    """The yardstick."""
    return Case("bare view", lambda: forever(get("/bench/bare/")), 200, bare=True)


def polls(visitor: stage.Visitor) -> list[Case]:
    """The poll that finds nothing new, of the room and of the desk's page, and the naive one beside it."""
    incident, key = stage.room(60, severity=4)  # no clock of it runs out while it is polled
    after = stage.rev(incident)
    return [
        Case("bare view behind the desk's middleware", lambda: forever(get("/bench/bare/", cookies=visitor.cookies)), 200),
        Case("no-change poll of the room",
             lambda: forever(get(f"/incidents/{key}/live/?after={after}", cookies=visitor.cookies)), 204),
        Case("naive poll, 50 rows", lambda: forever(get(f"/bench/naive/{key}/live/", cookies=visitor.cookies)), 200),
    ]  # fmt: skip


def entry(key: str, visitor: stage.Visitor) -> bytes:
    """The composer's POST of one line, with a request id of its own."""
    body = urlencode(
        {"kind": "note", "text": "Replication is 90 s behind on db-2.", "request_id": str(uuid.uuid4())}
    )
    return post(f"/incidents/{key}/entries/", body.encode(), kind="application/x-www-form-urlencoded",
                cookies=visitor.cookies, headers=f"X-CSRFToken: {visitor.csrf}\r\nHX-Request: true\r\n")  # fmt: skip


def appends(visitor: stage.Visitor) -> list[Case]:
    """An act of one entry: by sixteen people in sixteen rooms, and by sixteen in one."""
    keys = [stage.room(20)[1] for _ in range(CONNECTIONS)]

    def spread() -> Iterator[bytes]:
        while True:
            for key in keys:
                yield entry(key, visitor)

    def one() -> Iterator[bytes]:
        while True:
            yield entry(keys[0], visitor)

    return [
        Case("act of one entry, 16 rooms", spread, 200, CONNECTIONS),
        Case("act of one entry, one room", one, 200, CONNECTIONS),
    ]


def is_seen_at_once(desk: Desk, visitor: stage.Visitor) -> bool:
    """Whether a line is on another screen at its next poll."""
    incident, key = stage.room(20)
    poll = get(f"/incidents/{key}/live/?after={stage.rev(incident)}", cookies=visitor.cookies)
    quiet = once(desk.port, poll)[0]
    done = once(desk.port, entry(key, visitor))[0]
    loud = once(desk.port, poll)[0]
    return (quiet, done, loud) == (204, 200, 200)


def alert(number: str, group: str) -> bytes:
    """A notification of Alertmanager with one critical alert."""
    return json.dumps(
        {
            "receiver": "desk", "status": "firing", "groupLabels": {"service": group}, "commonLabels": {},
            "commonAnnotations": {}, "externalURL": "http://alertmanager.example:9093", "version": "4",
            "groupKey": f'{{}}:{{service="{group}"}}', "truncatedAlerts": 0,
            "alerts": [{
                "status": "firing",
                "labels": {"alertname": "WriteErrors", "instance": "db-1", "service": "ledger", "severity": "warning"},
                "annotations": {"summary": "Writes fail on the primary", "value": "1240/min"},
                "startsAt": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://prometheus.example/graph", "fingerprint": number,
            }],
        }
    ).encode()  # fmt: skip


def alerts() -> list[Case]:
    """Alerts that nobody has seen before, and one that its source repeats."""
    head = f"Authorization: Bearer {stage.token()}\r\n"

    def send(body: bytes) -> bytes:
        return post("/hooks/alertmanager/", body, kind="application/json", headers=head)

    mark = alert("@" * 16, "bench")

    def fresh() -> Iterator[bytes]:
        while True:
            yield send(mark.replace(b"@" * 16, uuid.uuid4().hex[:16].encode()))

    again = send(alert("f" * 16, "bench"))
    return [
        Case("alert in, new", fresh, 202, frozen=True),
        Case("alert in, repeated", lambda: forever(again), 202, frozen=True),
    ]


def pages(visitor: stage.Visitor) -> list[Case]:
    """The room and the record with 50 entries, whole pages."""
    _, key = stage.room(50)
    return [
        Case("room, 50 entries", lambda: forever(get(f"/incidents/{key}/", cookies=visitor.cookies)), 200, 2),
        Case(
            "record, 50 entries",
            lambda: forever(get(f"/incidents/{key}/record/", cookies=visitor.cookies)),
            200,
            2,
        ),
    ]

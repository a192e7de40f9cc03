"""The poll that finds one new entry, beside the act that wrote it (G12): processor time, and statements by length of record."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bench import machine, stage, web
from bench.client import forever, get, load, once
from bench.house import Desk


@dataclass
class Changed:
    """Processor time of web and database in ms: a poll with news, an act; and their ratio, a figure a round."""

    poll: list[float] = field(default_factory=list)
    act: list[float] = field(default_factory=list)
    ratio: list[float] = field(default_factory=list)
    statements: dict[int, int] = field(default_factory=dict)


def measure(desk: Desk, visitor: stage.Visitor, *, rounds: int, seconds: float) -> Changed:
    """Acts on one room, then polls of it from one entry back; both by one connection."""
    found = Changed()
    incident, key = stage.room(50)

    def acts():  # type: ignore[no-untyped-def]  # a stream of requests
        while True:
            yield web.entry(key, visitor)

    for _ in range(rounds):
        with desk.frozen():
            found.act.append(_cost(desk, acts(), seconds))
            poll = get(f"/incidents/{key}/live/?after={stage.rev(incident) - 1}", cookies=visitor.cookies)
            found.poll.append(_cost(desk, forever(poll), seconds))
        found.ratio.append(found.poll[-1] / found.act[-1])
    for entries in (50, 5_000):
        found.statements[entries] = statements(desk, visitor, entries)
    return found


def _cost(desk: Desk, requests: Any, seconds: float) -> float:
    pids = [*desk.pids("web"), *desk.pids("postgres")]
    before = machine.cpu(pids)
    sample = load(desk.port, requests, connections=1, seconds=seconds, expect=200, warm=8)
    return (machine.cpu(pids) - before) / max(1, sample.count + 8) * 1000


def statements(desk: Desk, visitor: stage.Visitor, entries: int) -> int:
    """How many statements such a poll sends, counted where psycopg sends them, in this process."""
    import psycopg
    from django.test import Client

    incident, key = stage.room(entries, severity=4)
    stage.fill(incident, 1)
    client = Client(HTTP_HOST="127.0.0.1")
    for pair in visitor.cookies.split("; "):
        client.cookies[pair.split("=")[0]] = pair.split("=", 1)[1]
    path = f"/incidents/{key}/live/?after={stage.rev(incident) - 1}"
    client.get(path)
    counted: Counter[str] = Counter()
    kept = psycopg.Cursor.execute

    def count(self: Any, *given: Any, **more: Any) -> Any:
        counted["all"] += 1
        return kept(self, *given, **more)

    psycopg.Cursor.execute = count  # type: ignore[method-assign]
    try:
        status = client.get(path).status_code
    finally:
        psycopg.Cursor.execute = kept  # type: ignore[method-assign]
    if status != 200 or once(desk.port, get(path, cookies=visitor.cookies))[0] != 200:
        raise RuntimeError(f"The changed poll answered {status}.")
    return counted["all"]

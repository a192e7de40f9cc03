"""The ledger check: clients act with a key each, a fault strikes, unknown outcomes are tried again with the same key.

lost = the caller saw 200 and the entry is not there; doubled = one key twice; unexpected = there, and never tried.
"""

import itertools
import threading
import time
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx

from tests.faults.place import Place


@dataclass
class Op:
    """One act of one client: its key, when it was tried, and what the caller knows of it."""

    key: str
    incident: str
    began: float = 0.0
    ended: float = 0.0
    status: int = 0  # 0: no answer came
    seq: int = 0
    tries: int = 0
    said: list[str] = field(default_factory=list)  # what each try was answered


class Clients:
    """Threads that log a line each, one after the other, until they are stopped."""

    def __init__(
        self, place: Place, incidents: list[str], *, threads: int = 6, timeout: float = 10.0
    ) -> None:
        self.place, self.incidents, self.timeout = place, incidents, timeout
        self.ops: list[Op] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(threads)]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        own = itertools.cycle(self.incidents[number % len(self.incidents) :] + self.incidents)
        with self.place.api(timeout=self.timeout) as api:
            while not self._stop.is_set():
                op = Op(f"op-{uuid.uuid4()}", next(own))
                self.ops.append(op)
                attempt(api, op)
                if op.status != 200:
                    time.sleep(0.25)

    def answered(self, status: int = 200) -> int:
        """How many acts have been answered so."""
        return sum(op.status == status for op in list(self.ops))


def attempt(api: httpx.Client, op: Op) -> None:
    """Try an act once and note what came."""
    op.began, op.status, op.tries = time.monotonic(), 0, op.tries + 1
    try:
        answer = api.post(
            f"/incidents/{op.incident}/entries",
            json={"kind": "note", "text": op.key},
            headers={"Idempotency-Key": op.key},
        )
        op.status = answer.status_code
        op.said.append(f"{answer.status_code} {answer.text}")
        if answer.status_code == 200:
            op.seq = answer.json()["seq"]
    except httpx.HTTPError as error:
        op.said.append(type(error).__name__)
    finally:
        op.ended = time.monotonic()


@dataclass
class Result:
    """What the comparison found; `text` is for people."""

    ops: int
    unknown: int
    recovered: int
    cut: int
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.unexpected)

    def __str__(self) -> str:
        return (
            f"{self.ops} operations, {self.cut} cut off in flight, {self.unknown} of unknown outcome "
            f"({self.recovered} of them had been done) and tried again; "
            f"lost {len(self.lost)}, doubled {len(self.doubled)}, unexpected {len(self.unexpected)}"
        )


# Sent, and then the connection went: nobody can know what became of it. A refused connection is no such thing.
BROKEN = frozenset({"ReadError", "ReadTimeout", "WriteError", "RemoteProtocolError"})


def settle(place: Place, ops: list[Op], *, within: float = 20.0) -> Result:
    """Try every unknown again until it is answered, then compare all keys with the timelines."""
    unknown = [op for op in ops if op.status != 200]
    cut = sum(bool(BROKEN & set(op.said)) for op in unknown)
    there = _keys(place, {op.incident for op in ops})
    recovered = sum(op.key in there for op in unknown)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(partial(_again, place, until=time.monotonic() + within), unknown))
    found = _keys(place, {op.incident for op in ops})
    known = {op.key: op for op in ops}
    return Result(
        ops=len(ops),
        unknown=len(unknown),
        recovered=recovered,
        cut=cut,
        lost=[op.key for op in ops if op.seq not in found.get(op.key, [])],
        doubled=[key for key, seqs in found.items() if len(seqs) > 1],
        unexpected=[key for key in found if key not in known],
    )


def _again(place: Place, op: Op, *, until: float) -> None:
    with place.api() as api:
        while op.status != 200:
            assert time.monotonic() < until, f"{op} is still not answered"
            attempt(api, op)
            time.sleep(0 if op.status == 200 else 0.1)


def gapless(place: Place, incidents: Iterable[str]) -> bool:
    """Whether the entries of each incident are numbered 1, 2, 3 and so on."""
    told = [[entry["seq"] for entry in place.timeline(key)] for key in incidents]
    return all(seqs == list(range(1, len(seqs) + 1)) for seqs in told)


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of all lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def longest_gap(ops: Iterable[Op], *, since: float) -> float:
    """The longest time in which no act was answered well, in seconds."""
    ends = [since, *sorted(op.ended for op in ops if op.status == 200 and op.ended > since)]
    return max(later - earlier for earlier, later in itertools.pairwise(ends))


def said(ops: Iterable[Op], beginning: str) -> list[str]:
    """Every answer that began so, of all tries."""
    return [text for op in ops for text in op.said if text.startswith(beginning)]


def _keys(place: Place, incidents: set[str]) -> dict[str, list[int]]:
    """Where each key stands: read from the rows, as a reader through the API might be told the same lie."""
    rows: list[tuple[Any, ...]] = place.rows(
        "SELECT t.body->>'text', e.seq FROM incidents_timelineentry e JOIN incidents_entrytext t USING (incident_id, seq)"
        " JOIN incidents_incident i ON i.id = e.incident_id WHERE i.key = ANY(%s) AND e.kind = 'note'",
        list(incidents),
    )
    found: dict[str, list[int]] = {}
    for key, seq in rows:
        if str(key).startswith("op-"):
            found.setdefault(key, []).append(seq)
    return found

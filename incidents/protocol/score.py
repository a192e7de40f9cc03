"""The response scorecard: marks, each met or not, with the entries that prove it. No points, "n of m"."""

from dataclasses import dataclass
from datetime import datetime

from incidentdesk.kernel.stamps import Stamp, moment
from incidents.protocol.definition import Protocol
from incidents.protocol.read import read
from incidents.protocol.state import State


@dataclass(frozen=True)
class Mark:
    """One thing that was asked of the response; `seqs` are the entries that prove it."""

    id: str
    text: str
    met: bool
    seqs: tuple[int, ...] = ()


DURATIONS = {
    "to acknowledge": "acknowledged",
    "to declaration": "declared",
    "to IC": "ic_assumed",
    "to bridge": "bridge_opened",
    "to first internal notice": "first_internal_notice",
    "to first external notice": "first_external_notice",
    "to blast radius": "blast_radius_reported",
    "to proposal": "mitigation_proposed",
    "to approval": "mitigation_approved",
    "to start": "mitigation_started",
    "to mitigation": "mitigation_confirmed",
    "to impact end": "impact_ended",
    "to cause": "cause_found",
    "to resolution": "resolved",
}


def durations(state: State) -> dict[str, float]:
    """Protocol minutes from "alert fired" to each milestone that was reached (INC-14, RES-16)."""
    fired = moment(state["alert"])
    return {
        name: (moment(state["milestones"][milestone]["at"]) - fired).total_seconds() / state["minute"]
        for name, milestone in DURATIONS.items()
        if milestone in state["milestones"]
    }


def impact_minutes(state: State, now: datetime) -> tuple[float, float]:
    """(duration from first start to last end, sum of the intervals), in protocol minutes; open ones run to `now`."""

    def until(end: Stamp | None) -> datetime:
        return now if end is None else moment(end)

    intervals = [(moment(begin), until(end)) for begin, end in state["impact"] if begin is not None]
    if not intervals:
        return 0.0, 0.0
    whole = (max(end for _, end in intervals) - intervals[0][0]).total_seconds()
    total = sum((end - begin).total_seconds() for begin, end in intervals)
    return whole / state["minute"], total / state["minute"]


def detection_delay(state: State) -> float:
    """Protocol minutes from impact start to "alert fired" (INC-16)."""
    start = state["milestones"].get("impact_start")
    if start is None:
        return 0.0
    return (moment(state["alert"]) - moment(start["at"])).total_seconds() / state["minute"]


def score(protocol: Protocol, state: State, now: datetime) -> list[Mark]:
    """Marks of the response at `now` (aware UTC): one for each counted clock, then changes and conduct.

    The clocks of a false alarm are not counted.
    """
    marks = []
    false_alarm = state["status"] == "closed" and "resolved" not in state["milestones"]
    for reading in [] if false_alarm else read(protocol, state, now):
        if reading.word in ("met", "late", "missed", "overdue") and reading.counted:
            label = f"{reading.label} {reading.n}" if reading.n > 1 else reading.label
            seqs = () if reading.seq is None else (reading.seq,)
            marks.append(Mark(reading.clock, label, reading.word == "met", seqs))
    loose = [change["seq"] for change in state["changes"].values() if change.get("unauthorised")]
    marks.append(Mark("APP-02", "No change without approval", not loose, tuple(loose)))
    late_seats = [held["seq"] for held in state["seats"].values() if not held["acked"]]
    marks.append(Mark("ROLE-29", "Every seat acknowledged", not late_seats, tuple(late_seats)))
    return marks

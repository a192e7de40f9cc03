"""r-clocks: one tile for each clock of the strip, its limit and its anchor named (CLK-01, CLK-02); the next update."""

from collections.abc import Sequence
from dataclasses import dataclass

from desk.room.shapes import ClockTile, Countdown
from desk.room.words import Words, counted, figure, fixed, rough, upward
from incidentdesk.kernel.stamps import Stamp, stamp
from incidents.protocol import Protocol, Reading, State, clocks
from incidents.sentences import readers


@dataclass(frozen=True)
class Time:
    """How the clocks of an incident count: by its own minute, and in business hours where they keep them."""

    protocol: Protocol
    state: State
    now: Stamp

    def counted(self, reading: Reading, start: Stamp | None, end: Stamp | None) -> float:
        """Seconds from `start` to `end` as the reading's clock counts them; 0 where either is not known."""
        if start is None or end is None:
            return 0.0
        return clocks.lasted(self.protocol, self.state, self.protocol.clock[reading.clock], start, end)


def tiles(
    readings: Sequence[Reading], protocol: Protocol, state: State, words: Words
) -> tuple[ClockTile, ...]:
    """One tile a clock, in the protocol's order. Clocks of one page each are told by the one that matters most.

    A clock that the protocol keeps off the strip comes onto it when it presses.
    """
    found: dict[str, list[Reading]] = {}
    for reading in readings:
        if reading.strip or _presses(reading, protocol):
            found.setdefault(reading.clock, []).append(reading)
    return tuple(_tile(each, protocol, state, words) for each in found.values())


def _presses(reading: Reading, protocol: Protocol) -> bool:
    return protocol.clock[reading.clock].kind == "once" and (reading.amber or reading.word == "overdue")


def _rank(reading: Reading) -> tuple[int, str]:
    order = {"overdue": 4, "running": 3, "missed": 1, "late": 1, "met": 1, "void": 0, "not started": 0}
    return order[reading.word], reading.at or reading.due or ""


def _tile(readings: Sequence[Reading], protocol: Protocol, state: State, words: Words) -> ClockTile:
    reading = max(readings, key=_rank)
    cadence = protocol.clock[reading.clock].kind == "cadence"
    tally = _tally(readings) if cadence else ""
    shape = {"not started": _idle, "running": _running, "overdue": _running, "void": _void}.get(
        reading.word, _past
    )
    return shape(reading, tally, Time(protocol, state, stamp(words.now)), words)


def _tally(readings: Sequence[Reading]) -> str:
    sent = sum(1 for each in readings if each.word in ("met", "late"))
    late = sum(1 for each in readings if each.word == "late")
    missed = sum(each.times for each in readings if each.word == "missed")
    if not sent and not missed:
        return "none sent yet"
    parts = [f"{sent} sent", f"{late} late" if late else "", f"{missed} missed" if missed else ""]
    return ", ".join(part for part in parts if part) + ("" if late or missed else ", none late")


def limit(reading: Reading) -> str:
    """`5 min from alert fired`: the limit with its anchor (CLK-02)."""
    return f"{reading.minutes:g} min from {reading.anchor_word}"


def _id(reading: Reading) -> str:
    return reading.clock.replace(".", "-")


def _idle(reading: Reading, tally: str, time: Time, words: Words) -> ClockTile:
    return ClockTile(_id(reading), reading.label, "idle", "not started", limit(reading), None)


def _void(reading: Reading, tally: str, time: Time, words: Words) -> ClockTile:
    return ClockTile(
        _id(reading), reading.label, "void", "void", tally or f"no longer due, {limit(reading)}", None
    )


def _running(reading: Reading, tally: str, time: Time, words: Words) -> ClockTile:
    minute = time.state["minute"]
    late = reading.word == "overdue"
    whole = round(reading.minutes * minute)
    value = f"late {figure(reading.by * minute)}" if late else f"{upward(reading.left * minute)} left"
    left = time.counted(reading, time.now, reading.due)
    spent = whole if late else max(0, min(whole, round(whole - left)))
    return ClockTile(
        id=_id(reading),
        label=reading.label,
        state="late" if late else "soon" if reading.amber else "run",
        value=value,
        note=f"{limit(reading)}; {tally}" if tally else limit(reading),
        due=words.at(reading.due) if reading.due else None,
        soon=words.at(reading.amber_at).iso if reading.amber_at else "",
        spent=spent,
        limit=whole,
        gauge=f"{reading.label}: {rough(spent)} of {rough(whole)}",
    )


def _past(reading: Reading, tally: str, time: Time, words: Words) -> ClockTile:
    met = reading.word == "met"
    whole = round(reading.minutes * time.state["minute"])
    over = time.counted(reading, reading.due, reading.at)
    took = time.counted(reading, reading.anchor, reading.at) if met else whole + over
    note = [] if met else [f"missed by {figure(over)}"]
    note.append(limit(reading))
    if reading.entered >= 1:
        note.append(f"entered {reading.entered:.0f} min later")
    if tally:
        note = [tally, limit(reading)]
    value = figure(took) if reading.word != "missed" else "missed"
    if reading.window:
        value = "passed"
    return ClockTile(
        id=_id(reading),
        label=reading.label,
        state="met" if met else "miss",
        value=value,
        note=", ".join(note),
        due=None,
        spent=min(whole, round(took)),
        limit=whole,
        gauge=f"{reading.label}: {rough(took)} of {rough(whole)}",
    )


def updates_due(readings: Sequence[Reading], protocol: Protocol) -> list[Reading]:
    """The update clocks that run or are overdue, the tightest first."""
    open_ = [
        each for each in readings
        if each.word in ("running", "overdue") and protocol.clock[each.clock].kind == "cadence" and each.due
    ]  # fmt: skip
    return sorted(open_, key=lambda each: each.due or "")


def next_update(readings: Sequence[Reading], protocol: Protocol, words: Words) -> Countdown:
    """When the next text is due, to whichever audience is tightest (INC-41)."""
    open_ = updates_due(readings, protocol)
    due = open_[0].due if open_ else None
    if due is None:
        return fixed("Next update", "none due")
    return words.until(f"Next update due {words.at(due).short}", due, soon=open_[0].amber_at)


def overdue_words(readings: Sequence[Reading], protocol: Protocol) -> str:
    """`2 updates overdue: to clients and executives`, or nothing; the latest first."""
    late = [each for each in updates_due(readings, protocol) if each.word == "overdue"]
    return f"{counted(len(late), 'update')} overdue: to {audiences(late, protocol)}" if late else ""


def audiences(readings: Sequence[Reading], protocol: Protocol) -> str:
    """Whom update clocks speak of: `responders, clients and the public`."""
    return readers(protocol.clock[each.clock].audience for each in readings)

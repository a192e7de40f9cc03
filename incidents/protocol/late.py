"""Acts that are entered after a clock was settled: they correct how it reads (decisions: Entered later).

What has fired stays on the record; only the reading follows. As in `occurrences`: new values into `state["clocks"]`.
"""

from incidents.protocol.definition import Clock
from incidents.protocol.state import Entry, Past, Run, State


def entered_late(clock: Clock, entry: Entry) -> bool:
    """Whether an entry may speak of a time before others that stand on the record already."""
    return entry.happened < entry.recorded and clock.kind in ("once", "each")


def meet_sooner(state: State, clock: Clock, key: str, entry: Entry) -> bool:
    """Let an occurrence that ended, or was met, after the act happened be met by it; whether there was one.

    Of a clock that an act before it meets at once, it may have begun after the act.
    """
    place = _settled_after(state, key, entry, before=clock.prior)
    if place is None:
        return False
    past = _bare(state["clocks"][key]["past"][place])
    past.update({"met": max(past["anchor"], entry.happened), "entered": entry.recorded, "seq": entry.seq})
    _put(state, key, place, past)
    return True


def end_sooner(state: State, key: str, entry: Entry) -> None:
    """The same where the act took the clock's reason away."""
    place = _settled_after(state, key, entry)
    if place is not None:
        past = _bare(state["clocks"][key]["past"][place])
        past["ended"] = entry.happened
        _put(state, key, place, past)


def _settled_after(state: State, key: str, entry: Entry, *, before: bool = False) -> int | None:
    """The place of the occurrence that ran when the act happened, if it was settled after that.

    With `before` else the first one that began later and was not met at once.
    """
    found = None
    for place, past in enumerate(state["clocks"][key]["past"]):
        settled = past.get("met", past.get("ended", past["due"]))
        if past["anchor"] <= entry.happened < settled:
            return place
        if before and found is None and entry.happened < past["anchor"] < settled:
            found = place
    return found


def _bare(past: Past) -> Past:
    """An ended occurrence without the way in which it ended."""
    bare = Past(n=past["n"], anchor=past["anchor"], due=past["due"], minutes=past["minutes"])
    if "anew" in past:
        bare["anew"] = True
    return bare


def _put(state: State, key: str, place: int, past: Past) -> None:
    run = state["clocks"][key]
    state["clocks"][key] = Run(now=run["now"], past=[*run["past"][:place], past, *run["past"][place + 1 :]])

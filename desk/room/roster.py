"""r-roster: the chart of seats, the roll call, the commander's list (ROLE-05, -30, -37; CMD-03)."""

from collections.abc import Sequence

from desk.room.load import Bundle
from desk.room.shapes import CallRow, Duty, Objective, Roster, SeatRow
from desk.room.standing import Standing
from desk.room.words import Words, figure, listed, rough
from incidentdesk.kernel.stamps import Stamp, moment
from incidents.protocol import Reading, clocks
from incidents.protocol.state import force, holder
from incidents.sentences import seat_label
from people.rights import Right

CHART = ("ic", "deputy", "ops", "ops2", "comms", "scribe")
OPTIONAL = frozenset({"ops2"})
_CALLS = ("call", "naming")
_ANSWERS = (("accept", "seat.accepted"), ("decline", "seat.declined"))


def objective(bundle: Bundle, words: Words) -> Objective:
    """The one objective and who set it."""
    row = bundle.last("objective.set")
    if row is None:
        return Objective("", "", 0)
    return Objective(
        row.texts.get("text", "[redacted]"),
        f"set by {words.name(row.author, row.recorded)} {words.short(row.happened)}",
        row.seq,
    )


def seats_of(bundle: Bundle) -> list[str]:
    """The seats in the order of the chart; experts last."""
    held = bundle.state["seats"]
    fixed = [seat for seat in CHART if seat in held or seat not in OPTIONAL]
    return [*fixed, *sorted(seat for seat in held if seat not in CHART)]


def roster(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> Roster:
    """The whole panel."""
    owed = {
        each.subject: each
        for each in readings
        if each.about in _CALLS and each.word in ("running", "overdue")
    }
    seats = tuple(_seat(seat, bundle, here, owed, words) for seat in seats_of(bundle))
    return Roster(
        seats=seats,
        unassigned=tuple(person for user in _seatless(bundle, here) if (person := words.person(user))),
        calls=_calls(bundle, readings, words),
        may_join=may_join(bundle, here),
        duties=_duties(bundle, words) if holder(bundle.state, "ic") == words.viewer else (),
    )


def _seat(seat: str, bundle: Bundle, here: Standing, owed: dict[str, Reading], words: Words) -> SeatRow:
    fold = bundle.state
    held = fold["seats"].get(seat)
    role, _, domain = seat.partition(".")
    note, late = _note(seat, bundle, owed, words)
    return SeatRow(
        id=seat,
        role=role,
        domain=domain,
        label=seat_label(seat),
        holder=words.person(held["user"]) if held else None,
        note=note,
        late=late,
        unfilled="" if held else _unfilled(bundle, here, words),
        required=not here.over and role in _needed(bundle),
        version=str(held["seq"]) if held else "0",
        acts=_acts(seat, here, words.viewer),
    )


def _unfilled(bundle: Bundle, here: Standing, words: Words) -> str:
    return "Nobody" if here.over else f"Nobody yet, {rough(words.since(_begun(bundle)))}"


def _begun(bundle: Bundle) -> Stamp:
    declared = bundle.state["milestones"].get("declared")
    return declared["at"] if declared else bundle.state["opened"]


def _needed(bundle: Bundle) -> tuple[str, ...]:
    level = force(bundle.state)
    return bundle.protocol.severities[level].roles if level else ()


def _note(seat: str, bundle: Bundle, owed: dict[str, Reading], words: Words) -> tuple[str, bool]:
    fold = bundle.state
    held = fold["seats"].get(seat)
    if held is None:
        return "", False
    notes, late = ["you"] if held["user"] == words.viewer else [], False
    if held.get("away"):
        notes.append("away")
        late = True
    if not held["acked"]:
        reading = owed.get(str(held["user"]))
        late = late or bool(reading and reading.word == "overdue")
        notes.append(f"not acknowledged, {figure(words.since(held['since']))}")
    offer = fold["offers"].get(seat)
    if offer:
        notes.append(f"offered to {words.name(offer['to'])}")
    if seat == "ic" and fold["acks"]:
        notes.append(f"acknowledged by {listed([words.whom(user) for user in fold['acks']])}")
    return ", ".join(notes), late


def _acts(seat: str, here: Standing, viewer: int) -> frozenset[str]:
    """What the viewer may do with a seat."""
    held, offer = here.state["seats"].get(seat), here.state["offers"].get(seat)
    found = set()
    if held is None and here.can("seats", "seat.claimed", gate={"seat": seat}, person=None):
        found.add("claim")
    if offer and offer["to"] == viewer:
        found |= {word for word, kind in _ANSWERS if here.can("handover-answers", kind, gate={"seat": seat})}
    if held and not held["acked"] and here.can("seat-acknowledgements", seat=seat):
        found.add("acknowledge")
    if (held or seat == "ic") and here.can("handovers", seat=seat):
        found.add("hand-over")
    if held and here.can("seat-ends", seat=seat):
        found.add("end")
    if held and seat == "ic" and not here.over and here.can("absences", gate={}):
        found.add("back" if held.get("away") else "away")
    return frozenset(found)


def _seatless(bundle: Bundle, here: Standing) -> list[int]:
    """Who answered a page or writes, and has no seat; nobody is missed once it is over."""
    if here.over:
        return []
    fold = bundle.state
    seated = {held["user"] for held in fold["seats"].values()}
    present = [page["user"] for page in fold["pages"].values() if "acked" in page] + sorted(bundle.writers)
    return [user for user in dict.fromkeys(present) if user not in seated]


def _calls(bundle: Bundle, readings: Sequence[Reading], words: Words) -> tuple[CallRow, ...]:
    """The roll call: called, joined, late (CMD-03)."""
    fold = bundle.state
    rows = []
    latest = {each.subject: each for each in readings if each.about == "call"}
    for subject, at in fold["joined"].items():
        mine, called = int(subject) == words.viewer, latest.get(subject)
        late = f", late {figure(called.by * fold['minute'])}" if called and called.word == "late" else ""
        rows.append(CallRow(words.name(int(subject)), "joined", f"joined {words.short(at)}{late}", mine))
    for subject, reading in latest.items():
        if subject in fold["joined"] or reading.word not in ("running", "overdue") or reading.anchor is None:
            continue
        mine = int(subject) == words.viewer
        if reading.word == "overdue":
            rows.append(
                CallRow(words.name(int(subject)), "late", f"late {figure(reading.by * fold['minute'])}", mine)
            )
        else:
            rows.append(
                CallRow(words.name(int(subject)), "called", f"called {words.short(reading.anchor)}", mine)
            )
    return tuple(rows)


def may_join(bundle: Bundle, here: Standing) -> bool:
    """Whether the viewer was called or has a seat, and has not said that they are on the bridge."""
    fold, user = bundle.state, here.user.pk
    if fold["bridge"] is None or here.over or str(user) in fold["joined"] or not here.may(Right.SEE_BRIDGE):
        return False
    calls = (clock.id for clock in bundle.protocol.clocks if clock.about == "call")
    called = any(clocks.name(call, str(user)) in fold["clocks"] for call in calls)
    return called or any(held["user"] == user for held in fold["seats"].values())


def _duties(bundle: Bundle, words: Words) -> tuple[Duty, ...]:
    """The commander's checklist (ROLE-05), each line with when the record says that it was done."""
    fold = bundle.state
    stones = fold["milestones"]

    def stone(name: str) -> str:
        return words.short(stones[name]["at"]) if name in stones else ""

    def last(*kinds: str) -> str:
        found = [row.happened for kind in kinds if (row := bundle.last(kind))]
        return words.short(max(found)) if found else ""

    missing = [role for role in _needed(bundle) if role != "owner" and role not in fold["seats"]]
    seated = [moment(held["since"]) for held in fold["seats"].values()]
    pending = any(change["state"] in ("proposed", "asked") for change in fold["changes"].values())
    scribe = fold["seats"].get("scribe")
    return (
        Duty("declare", "Declare and set the severity", stone("declared")),
        Duty("channel", "Open the channel", stone("bridge_opened")),
        Duty("roles", "Assign the roles", words.short(max(seated)) if seated and not missing else ""),
        Duty("objective", "Set objective and priorities", last("objective.set")),
        Duty("scope", "Know the scope", last("blast.reported", "scope.set")),
        Duty("decide", "Decide when the team is split or unsure", last("decision")),
        Duty(
            "timeline",
            "Keep the timeline kept: name a scribe",
            words.short(scribe["since"]) if scribe else "",
        ),
        Duty("changes", "Approve changes", "" if pending else stone("mitigation_approved")),
        Duty(
            "rhythm", "Set the update rhythm", words.short(min(fold["sent"].values())) if fold["sent"] else ""
        ),
        Duty("escalate", "Escalate and de-escalate", last("escalated", "severity.set")),
        Duty("confirm", "Confirm the fix", stone("mitigation_confirmed")),
        Duty("resolve", "Declare it resolved", stone("resolved")),
        Duty("review", "Trigger the review", words.short(fold["review"]) if fold["review"] else ""),
    )

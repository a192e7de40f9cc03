"""r-yours: what waits for the viewer, and what they owe that is late. One line each, the most pressing first."""

from collections.abc import Iterator

from desk.board.load import Board, Open
from desk.room.clocks import audiences
from desk.room.shapes import DeskWait, Link
from desk.room.words import Words, fixed, listed
from incidents.protocol import Protocol, Reading, State
from incidents.protocol.state import approvers, ended, holder
from incidents.sentences import seat_label


def yours(board: Board) -> tuple[DeskWait, ...]:
    """Everything that waits for this person, over all open incidents."""
    found = [wait for each in board.active for wait in _of(each, board)]
    return tuple(sorted(found, key=lambda wait: wait.kind != "wait"))


def _of(each: Open, board: Board) -> Iterator[DeskWait]:
    words, viewer = board.words, board.viewer.pk
    yield from _approvals(each, board)
    yield from _pages(each, viewer, words)
    yield from _seats(each, viewer, words)
    yield from _late(each, viewer, words)


def _approvals(each: Open, board: Board) -> Iterator[DeskWait]:
    for number, change in each.state["changes"].items():
        if change["state"] == "proposed" and board.viewer.pk in approvers(
            each.state, change["requester"], major=change["major"]
        ):
            what = board.proposals.get((each.incident.pk, int(number))) or f"change {number}"
            yield DeskWait(
                each.incident.key, f"approve or reject: {what}", board.words.running("", change["at"]),
                Link(f"{each.base}#change-{number}", "Decide"), "wait",
            )  # fmt: skip


def _pages(each: Open, viewer: int, words: Words) -> Iterator[DeskWait]:
    if ended(each.state):
        return
    waiting = [p for p in each.state["pages"].values() if p["user"] == viewer and "acked" not in p]
    if waiting:
        since = words.running("", waiting[0]["at"])
        yield DeskWait(each.incident.key, "you are paged", since, Link(each.base, "Answer the page"), "wait")


def _seats(each: Open, viewer: int, words: Words) -> Iterator[DeskWait]:
    for seat, offer in each.state["offers"].items():
        if offer["to"] != viewer:
            continue
        text = f"you are offered the seat {seat_label(seat)}"
        yield DeskWait(
            each.incident.key, text, fixed("", ""), Link(f"{each.base}#r-banners", "Answer"), "wait"
        )
    for seat, held in each.state["seats"].items():
        if held["user"] == viewer and not held["acked"]:
            text = f"you are called as {seat_label(seat)}"
            since = words.running("", held["since"])
            yield DeskWait(each.incident.key, text, since, Link(f"{each.base}#r-roster", "I am here"), "wait")


def _late(each: Open, viewer: int, words: Words) -> Iterator[DeskWait]:
    owed = [
        reading for reading in each.readings
        if reading.word == "overdue" and reading.about != "page" and reading.due is not None
        and owes(each.protocol, each.state, reading) == viewer
    ]  # fmt: skip
    texts = [reading for reading in owed if each.protocol.clock[reading.clock].owes == "comms"]
    if texts:
        first = min(texts, key=lambda reading: reading.due or "")
        told = f"overdue: {_named(texts, each.protocol)}"
        link = Link(f"{each.base}updates/new/", "Write update")
        yield DeskWait(each.incident.key, told, words.until("", first.due), link, "late")  # type: ignore[arg-type]  # one that is late has a due
    rest = sorted(
        (reading for reading in owed if reading not in texts), key=lambda reading: reading.due or ""
    )
    if rest:
        told = f"overdue: {listed([reading.label for reading in rest])}"
        yield DeskWait(each.incident.key, told, words.until("", rest[0].due), Link(each.base, "Open"), "late")  # type: ignore[arg-type]  # owed ones have a due


def _named(texts: list[Reading], protocol: Protocol) -> str:
    """Late texts in words, the updates as one: `First client notice and update to clients and the public`."""
    updates = [each for each in texts if protocol.clock[each.clock].kind == "cadence"]
    names = [each.label for each in texts if each not in updates]
    return listed([*names, *([f"update to {audiences(updates, protocol)}"] if updates else [])])


def owes(protocol: Protocol, state: State, reading: Reading) -> int | None:
    """Who owes the act that a clock waits for (decisions 11), or None where nobody is there."""
    clock = protocol.clock[reading.clock]
    if clock.owes == "subject":
        if clock.subject == "page":
            page = state["pages"].get(reading.subject)
            return page["user"] if page else None
        return int(reading.subject) if reading.subject else None
    seated = [] if clock.owes == "owner" else [holder(state, clock.owes), holder(state, "ic")]
    return next((user for user in seated if user is not None), state["owner"])

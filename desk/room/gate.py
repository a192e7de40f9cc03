"""r-gate: the next status, the stabilisation window, the checklists, and why a button is shut (INC-10..13, RES-01..15)."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from desk.room.load import Bundle
from desk.room.shapes import Check, Countdown, Gate, Item, MoveOption
from desk.room.standing import Standing
from desk.room.words import Words, counted
from incidentdesk.kernel.errors import Block
from incidentdesk.kernel.stamps import Stamp, moment
from incidents.protocol import Act, Reading, review
from incidents.protocol.definition import Move
from incidents.protocol.gates import needs_of
from incidents.protocol.guards.asking import GUARDS, Ask, standing
from incidents.protocol.state import force
from incidents.sentences import STATUS
from people.rights import Right

_ENDS = ("resolved", "closed")
_STATES = {"done": "ticked", "pending": "pending"}
_CHECKS = {
    "impact ended": "Customer impact has ended",
    "window clean": "Window passed clean",
    "no firing alert": "No critical alert is firing",
    "clients confirmed": "Affected clients confirm recovery",
}


def gate(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> Gate:
    """The whole panel."""
    fold = bundle.state
    window = next((each for each in readings if each.window and each.word == "running"), None)
    resolve = _resolve(here)
    opens = _opens(resolve, window)
    closing = fold["status"] in _ENDS
    return Gate(
        version=fold["status_seq"],
        moves=_moves(here),
        window=_countdown(window, words),
        window_label=f"{window.label} {window.minutes:g} min" if window else "",
        window_span=f"{words.at(window.anchor).clock} to {words.at(window.due).clock}"
        if window and window.anchor and window.due
        else "",
        spent=round((window.minutes - window.left) * fold["minute"]) if window else 0,
        limit=round(window.minutes * fold["minute"]) if window else 0,
        restarted=_restarted(bundle, window, words),
        checks=_checks(here),
        items=_items(bundle, "close" if closing else "resolve", words) if _lists(fold["status"]) else (),
        resolve=resolve,
        resolve_label=f"Resolve, opens at {words.at(opens).short}" if opens else "Resolve",
        opens=words.at(opens).iso if opens else "",
        close=_close(here),
        review_at=_review(bundle, words).strftime("%Y-%m-%dT%H:%M") if resolve is not None else "",
        review_limit=_review_words(bundle, words) if resolve is not None else "",
        may_impact_end=here.can("impact-ends"),
        may_sample=here.can("samples") and not here.over and _impact_over(here),
    )


def _lists(status: str) -> bool:
    return status in ("mitigating", "monitoring", "resolved")


def _impact_over(here: Standing) -> bool:
    return bool(here.state["impact"]) and here.state["impact"][-1][1] is not None


def _countdown(window: Reading | None, words: Words) -> Countdown | None:
    return words.until(window.label, window.due) if window and window.due else None


def _steps(here: Standing) -> list[Move]:
    status, level = here.state["status"], force(here.state)
    return [
        move for (source, _), move in here.protocol.moves.items()
        if source == status and (level is None or level in move.severities)
    ]  # fmt: skip


def _moves(here: Standing) -> tuple[MoveOption, ...]:
    """The viewer's next steps; a reason that the form asks for is taken as given."""
    found = []
    for move in _steps(here):
        if move.to in _ENDS or not here.allowed("moves", to=move.to) or not _stands(here, move):
            continue
        needs = "reason given" in move.needs
        again = here.state["status"] in _ENDS
        blocks = here.blocks("status.moved", to=move.to, note="given", workaround="given")
        found.append(MoveOption(move.to, "Reopen" if again else f"Move to {STATUS[move.to]}", blocks, needs))
    return tuple(found)


def _stands(here: Standing, move: Move) -> bool:
    """Whether the status table knows the viewer for this step."""
    asked = Act("status.moved", here.user.pk, frozenset(here.user.roles), {"to": move.to})
    return bool(standing(here.state, asked) & set(move.who))


def _all(here: Standing, name: str) -> dict[str, str]:
    return {item.id: "done" for item in here.protocol.checklists[name]}


def _resolve(here: Standing) -> tuple[Block, ...] | None:
    """What stands against resolving; what the form itself asks for is taken as given. None where it is not offered."""
    if not here.may(Right.RESOLVE) or not any(move.to == "resolved" for move in _steps(here)):
        return None
    given = {"proof": "given", "review": "given", "note": "given", "items": _all(here, "resolve")}
    return here.blocks("status.moved", to="resolved", **given)


def _opens(resolve: tuple[Block, ...] | None, window: Reading | None) -> Stamp | None:
    """When the window ends, if nothing else is in the way."""
    alone = resolve is not None and len(resolve) == 1 and window is not None
    return window.due if alone and window and resolve and "opens at" in resolve[0].sentence else None


def _close(here: Standing) -> tuple[Block, ...] | None:
    """What stands against closing; a false alarm is offered only while no customer was hit."""
    moves = [move for move in _steps(here) if move.to == "closed"]
    if not moves or not here.allowed("closures") or not _stands(here, moves[0]):
        return None
    if here.state["status"] == "resolved":
        return here.blocks("status.moved", to="closed", items=_all(here, "close"), note="given")
    return None if here.blocks("status.moved", to="closed", note="given") else ()


def _checks(here: Standing) -> tuple[Check, ...]:
    """What has to hold before the next end, each as it stands now."""
    moves = [
        move
        for move in _steps(here)
        if move.to in _ENDS and move.source in ("monitoring", "mitigating", "resolved")
    ]
    if not moves:
        return ()
    to = moves[0].to
    ask = Ask(here.protocol, here.state, Act("status.moved", here.user.pk, frozenset(), {"to": to}), here.now)
    found = [
        Check(_CHECKS[need], GUARDS[need](ask) is None, "") for need in needs_of(moves[0]) if need in _CHECKS
    ]
    items = here.protocol.checklists["close" if to == "closed" else "resolve"]
    done = sum(1 for item in items if here.state["items"].get(item.id))
    return (*found, Check("Checklist answered", done == len(items), f"{done} of {len(items)}"))


def _items(bundle: Bundle, name: str, words: Words) -> tuple[Item, ...]:
    ticked = {row.payload["item"]: row for row in bundle.of("item.ticked")}
    found = []
    for item in bundle.protocol.checklists[name]:
        state = _STATES.get(bundle.state["items"].get(item.id, ""), "")
        row = ticked.get(item.id)
        note = f"{words.short(row.happened)} {words.name(row.author, row.recorded)}" if state and row else ""
        found.append(Item(item.id, item.text, state, note))  # type: ignore[arg-type]  # the fold knows these words alone
    return tuple(found)


def _restarted(bundle: Bundle, window: Reading | None, words: Words) -> str:
    """When and why the window began anew."""
    if window is None or window.n < 2 or window.anchor is None:
        return ""
    start = moment(window.anchor)
    why = next(
        (row.kind for row in bundle.of("sample.bad", "impact.ended") if row.recorded == start), "alert.fired"
    )
    if why == "impact.ended":
        return ""
    cause = "a bad sample" if why == "sample.bad" else "an alert"
    return f"Restarted {words.at(window.anchor).short} by {cause}; {counted(window.n - 1, 'window')} lost."


def _review(bundle: Bundle, words: Words) -> datetime:
    """The latest time of the review, in the viewer's zone."""
    return review.limit(bundle.protocol, bundle.state, words.now).astimezone(words.zone)


def _review_words(bundle: Bundle, words: Words) -> str:
    at = words.at(_review(bundle, words).astimezone(ZoneInfo("UTC")))
    return f"at the latest {at.day} {at.short} {at.zone}"

"""r-approvals and r-changes: each production change with its risk, its way back and what the viewer may do (APP-01..08, -22)."""

from collections.abc import Sequence

from desk.room.load import Bundle, Row
from desk.room.shapes import ChangeCard, Countdown, Exchange
from desk.room.standing import Standing
from desk.room.words import Words
from incidents.protocol import Reading
from incidents.protocol.state import ChangeState, approvers
from people.rights import Right

KINDS = (
    "change.proposed", "change.approved", "change.rejected", "change.asked", "change.replied", "change.started",
    "change.finished", "change.confirmed", "change.done", "change.withdrawn", "change.lapsed",
)  # fmt: skip
WAITING = ("proposed", "asked")
_WORDS = {
    "approved": "Approved", "rejected": "Rejected", "started": "Under way", "finished": "Finished, effect not confirmed",
    "withdrawn": "Withdrawn", "done": "Done",
}  # fmt: skip
_TRAIL = {
    "change.approved": "approved {at} by {who}{under}", "change.rejected": "rejected {at} by {who}",
    "change.started": "started {at} by {who}", "change.finished": "finished {at}", "change.withdrawn": "withdrawn {at}",
    "change.done": "logged as made {at} by {who}", "change.lapsed": "approval lapsed {at}",
}  # fmt: skip


def cards(
    bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words
) -> tuple[tuple[ChangeCard, ...], tuple[ChangeCard, ...]]:
    """The changes that wait for an answer, oldest first, and all others, newest first."""
    rows: dict[str, list[Row]] = {}
    for row in bundle.of(*KINDS):
        rows.setdefault(str(row.payload["change"]), []).append(row)
    clocks = {each.subject: each for each in readings if each.about == "change"}
    made = [
        _card(number, change, rows.get(number, []), here, clocks.get(number), words)
        for number, change in bundle.state["changes"].items()
    ]
    made.sort(key=lambda card: card.number)
    waiting = tuple(card for card in made if card.state in WAITING)
    return waiting, tuple(card for card in reversed(made) if card.state not in WAITING)


def _card(
    number: str, change: ChangeState, rows: list[Row], here: Standing, clock: Reading | None, words: Words
) -> ChangeCard:
    told = _texts(rows)
    waits = change["state"] in WAITING
    word, loud = _word(change, here, words)
    return ChangeCard(
        number=int(number),
        version=change["seq"],
        state=change["state"],  # type: ignore[arg-type]  # the fold knows these words alone
        word=word,
        loud=loud,
        what=told.get("what", "[redacted]"),
        target=told.get("target", ""),
        why=told.get("why", ""),
        effect=told.get("effect", ""),
        risk=told.get("risk", ""),
        loss=told.get("loss", ""),
        undo=told.get("undo", ""),
        implementer=words.whom(change["implementer"]) if change["implementer"] else "",
        requester=words.whom(change["requester"]),
        proposed=words.at(change["at"]),
        waiting=_clock(clock, words) if waits else None,
        exchanges=_exchanges(rows, words),
        trail="" if waits else _trail(rows, words),
        acts=_acts(number, here),
        refused=_refused(number, change, here, words),
    )


def _texts(rows: Sequence[Row]) -> dict[str, str]:
    """The proposal in its own words; a risk stated later counts too."""
    told: dict[str, str] = {}
    for row in rows:
        if row.kind in ("change.proposed", "change.done"):
            told = {**{name: text for name, text in row.texts.items() if text}, **told}
        elif row.texts.get("risk"):
            told["risk"] = row.texts["risk"]
    return told


def _word(change: ChangeState, here: Standing, words: Words) -> tuple[str, bool]:
    state = change["state"]
    if state == "asked":
        return f"Question to {words.whom(change['requester'])}", False
    if state == "proposed":
        asked = approvers(here.state, change["requester"], major=change["major"])
        if not asked:
            return "Waiting, nobody can decide", False
        return f"Waiting for {'you' if words.viewer in asked else words.name(asked[0])}", False
    if state == "confirmed":
        seen = change.get("effect")
        return ("Effect seen" if seen else "No effect seen"), False
    if change.get("unauthorised"):
        return "Unauthorised", True
    return _WORDS[state], False


def _clock(clock: Reading | None, words: Words) -> Countdown | None:
    if clock is None or clock.due is None or clock.word not in ("running", "overdue"):
        return None
    return words.until("Decision due", clock.due, soon=clock.amber_at)


def _exchanges(rows: Sequence[Row], words: Words) -> tuple[Exchange, ...]:
    found = []
    for row in rows:
        text = row.texts.get("text") or row.texts.get("note") or ""
        if row.kind in ("change.asked", "change.replied") or (
            text and row.kind in ("change.approved", "change.rejected")
        ):
            found.append(
                Exchange(
                    words.name(row.author, row.recorded),
                    words.at(row.happened),
                    text,
                    row.kind == "change.replied",
                )
            )
    return tuple(found)


def _trail(rows: Sequence[Row], words: Words) -> str:
    parts = []
    for row in rows:
        at, who = words.short(row.happened), words.whom(row.author, row.recorded)
        if row.kind == "change.confirmed":
            parts.append(f"effect {'seen' if row.payload['effect'] else 'not seen'} {at}")
        elif row.kind in _TRAIL:
            under = row.payload.get("under")
            parts.append(
                _TRAIL[row.kind].format(at=at, who=who, under=f" under SEV-{under}" if under else "")
            )
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


_STEPS = (
    "approvals",
    "rejections",
    "questions-on-changes",
    "replies",
    "withdrawals",
    "starts",
    "finishes",
    "confirmations",
)


def _acts(number: str, here: Standing) -> frozenset[str]:
    """What the viewer may do with it now."""
    change = int(number)
    found = {noun for noun in _STEPS if here.can(noun, gate={"change": change}, number=change)}
    told = {"change": change, "risk": "stated"}
    if "rejections" in found and "approvals" not in found and here.can("approvals", gate=told, number=change):
        found.add("told-risk")
    return frozenset(found)


def _refused(number: str, change: ChangeState, here: Standing, words: Words) -> str:
    """Why the viewer does not decide on a change that they might expect to decide on."""
    if (
        change["state"] not in WAITING
        or change["requester"] != here.user.pk
        or not here.may(Right.APPROVE_CHANGE)
        or here.answers(number)
    ):
        return ""
    others = [words.name(user) for user in approvers(here.state, here.user.pk, major=change["major"])]
    who = f"{others[0]} decides" if others else "page a second person: they take the seat and decide"
    return f"You asked for this change, so you do not approve it; {who}."

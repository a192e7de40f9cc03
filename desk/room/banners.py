"""r-banners: what cannot wait, for this viewer, each with the act that settles it."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from desk.room.clocks import overdue_words, updates_due
from desk.room.header import may_update
from desk.room.load import Bundle
from desk.room.roster import may_join
from desk.room.shapes import Banner, Countdown, Link, Pair
from desk.room.standing import Standing
from desk.room.words import Words
from incidentdesk.kernel.stamps import Stamp, moment, stamp
from incidents.protocol import Reading
from incidents.protocol.state import force, holder
from incidents.sentences import readers, seat_label
from people.rights import Right

KINDS = frozenset({"severity.proposed", "draft.prepared", "alert.resolved"})
OFFERS = frozenset({"seat.offered"})  # every one: several seats may be on offer at once


def banners(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> tuple[Banner, ...]:
    """Every banner, the loudest first."""
    if here.closed:
        return ()
    writers = (
        _unanswered, _page, _no_ic, _not_declared, _unauthorised, _overdue, _approvals, _handover, _seat_call,
        _bridge_call, _command, _impact_may_have_ended, _severity_proposed, _drafts,
    )  # fmt: skip
    return tuple(banner for write in writers for banner in write(bundle, here, readings, words))


Found = Iterator[Banner]


def _unanswered(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> Found:
    if bundle.state["unanswered"] and not here.over:
        opens = Link("#f-pages", "Page somebody") if "pages" in here.nouns else None
        yield Banner(
            "unanswered",
            "late",
            "Nobody answers",
            "Nobody answered any page. Call people yourself.",
            None,
            opens,
        )


def _page(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> Found:
    """The viewer's own page: one tap answers it (ALR-04)."""
    for number, page in bundle.state["pages"].items():
        if (
            page["user"] == words.viewer
            and "acked" not in page
            and not here.over
            and here.may(Right.ACKNOWLEDGE)
        ):
            yield Banner(
                f"page-{number}", "wait", "You are paged", "You were paged for this incident.",
                words.running("Paged", page["at"]), Link("", "Acknowledge"), "acknowledgements", (Pair("page", number),),
            )  # fmt: skip


def _no_ic(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> Found:
    """CLK-09, ROLE-04: until there is a commander the banner stays, and whoever may take the seat can do it here."""
    fold = bundle.state
    if holder(fold, "ic") is not None or force(fold) not in (1, 2) or here.over:
        return
    clock = next(
        (each for each in readings if each.about == "command" and each.word in ("running", "overdue")), None
    )
    since = words.until("IC due", clock.due) if clock and clock.due else None
    if not here.declared and clock is None:
        return
    level = force(fold)
    text = f"Nobody is Incident Commander of this SEV-{level}: changes cannot be approved and it cannot be resolved."
    if here.can("seats", "seat.claimed", gate={"seat": "ic"}, person=None):
        fields = (Pair("role", "ic"), Pair("seen_version", "0"))
        yield Banner("no-ic", "late", "No IC", text, since, Link("", "Take IC"), "seats", fields)
    else:
        opens = Link("#f-pages", "Page somebody") if "pages" in here.nouns else None
        yield Banner("no-ic", "late", "No IC", text, since, opens)


def _not_declared(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> Found:
    """TRI-10: acknowledged, and still not declared; triage is over by the same clock (CLK-10)."""
    fold = bundle.state
    acknowledged = fold["milestones"].get("acknowledged")
    if here.declared or here.over:
        return
    link = Link(f"/declare/?incident={bundle.incident.key}", "Declare") if here.may(Right.DECLARE) else None
    wait = timedelta(seconds=bundle.protocol.figure("undeclared.after", force(fold)) * fold["minute"])
    level = force(fold)
    if acknowledged is None or words.now < moment(acknowledged["at"]) + wait:
        text = f"Nobody has declared this yet. The alert suggests SEV-{level}: answer the four questions, then declare."
        yield Banner("declare", "", "Open", text, None, link)
        return
    since = words.running("Acknowledged", acknowledged["at"])
    text = f"Triage time is over and nobody has declared this. The alert suggests SEV-{level}."
    yield Banner("not-declared", "late", "Not declared", text, since, link)


def _unauthorised(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> Found:
    """APP-02: a change without approval stays in sight."""
    for number, change in bundle.state["changes"].items():
        if change.get("unauthorised"):
            who = words.name(change["implementer"])
            text = f"Change {number} was made without approval by {who}. No blame: the record needs it."
            yield Banner(
                f"unauthorised-{number}",
                "late",
                "Unauthorised change",
                text,
                None,
                Link(f"#change-{number}", "See it"),
            )


def _overdue(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> Found:
    text = overdue_words(readings, bundle.protocol)
    if text:
        due = updates_due(readings, bundle.protocol)[0].due
        link = (
            Link(f"/incidents/{bundle.incident.key}/updates/new/", "Write update")
            if may_update(here)
            else None
        )
        yield Banner("overdue", "late", "Update late", f"{text}.", _until(words, due), link)


def _until(words: Words, due: Stamp | None) -> Countdown | None:
    return words.until("Due", due) if due else None


def _approvals(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> Found:
    fold = bundle.state
    mine = [
        number for number, change in fold["changes"].items()
        if change["state"] == "proposed" and here.answers(number) and here.free("change.rejected", change=int(number))
    ]  # fmt: skip
    for number in mine:
        change = fold["changes"][number]
        text = f"{words.name(change['requester'])} asks for your answer on change {number}."
        yield Banner(
            f"approval-{number}", "wait", "Waiting for you", text, words.running("Waiting", change["at"]),
            Link(f"#change-{number}", "Decide"),
        )  # fmt: skip
    for number, change in fold["changes"].items():
        if change["state"] == "asked" and change["requester"] == words.viewer:
            text = f"There is a question about your change {number}."
            yield Banner(
                f"asked-{number}", "wait", "Waiting for you", text, None, Link(f"#change-{number}", "Reply")
            )


def _handover(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> Found:
    for name, offer in bundle.state["offers"].items():
        if offer["to"] != words.viewer or here.over:
            continue
        text = f"{words.name(offer['by'])} offers you the seat {seat_label(name)}."
        row = next((each for each in bundle.of("seat.offered") if each.seq == offer["seq"]), None)
        seat = Pair("seat", name)
        yield Banner(
            f"handover-{name.replace('.', '-')}", "wait", "Handover", text, None, Link("", "Accept"), "handover-answers",
            (seat, Pair("answer", "accept")), row.texts.get("brief", "") if row else "",
            Link("", "Decline"), (seat, Pair("answer", "decline")),
        )  # fmt: skip


def _seat_call(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> Found:
    for seat, held in bundle.state["seats"].items():
        if held["user"] == words.viewer and not held["acked"] and not here.over:
            text = f"You were named {seat_label(seat)}."
            yield Banner(
                f"seat-{seat.replace('.', '-')}", "wait", "Your seat", text, words.running("Named", held["since"]),
                Link("", "I have it"), "seat-acknowledgements", (Pair("seat", seat),),
            )  # fmt: skip


def _bridge_call(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> Found:
    """The viewer was called to the bridge and has not said that they are there (CMD-03, CLK-11)."""
    owed = next(
        (each for each in readings
         if each.about == "call" and each.subject == str(words.viewer) and each.word in ("running", "overdue")),
        None,
    )  # fmt: skip
    if owed and owed.due and may_join(bundle, here):
        kind = "late" if owed.word == "overdue" else "wait"
        yield Banner(
            "bridge", kind, "Bridge", "You are called to the bridge.", words.until("Join", owed.due),  # type: ignore[arg-type]  # one of two words
            Link("", "I am on the bridge"), "bridge-joins",
        )  # fmt: skip


def _command(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> Found:
    """ROLE-02: who takes command asks the others at work to acknowledge it."""
    fold = bundle.state
    commander = holder(fold, "ic")
    at_work = (
        any(held["user"] == words.viewer for held in fold["seats"].values()) or fold["owner"] == words.viewer
    )
    if commander in (None, words.viewer) or not at_work or words.viewer in fold["acks"] or here.over:
        return
    if here.may(Right.POST):
        text = f"{words.name(commander)} is Incident Commander. Say that you know."
        yield Banner("command", "", "Command", text, None, Link("", "Acknowledge"), "ic-acknowledgements")


def _impact_may_have_ended(
    bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words
) -> Found:
    """INC-15: a resolved alert only proposes the end of the impact."""
    fold = bundle.state
    critical = [alert for alert in fold["alerts"].values() if alert["critical"]]
    over = bool(fold["impact"]) and fold["impact"][-1][1] is not None
    if not critical or any(alert["firing"] for alert in critical) or over or here.over:
        return
    last = bundle.last("alert.resolved")
    when = f" at {words.short(last.happened)}" if last else ""
    link = Link("#f-impact-ends", "Impact has ended") if here.may(Right.END_IMPACT) else None
    yield Banner(
        "impact",
        "",
        "Alert resolved",
        f"Every critical alert is resolved{when}: the impact may have ended.",
        None,
        link,
    )


def _severity_proposed(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> Found:
    """SEV-18: a proposal waits in front of those who decide."""
    row = bundle.last("severity.proposed")
    fold = bundle.state
    if row is None or row.seq < fold["severity_seq"] or here.over or row.payload["to"] == fold["severity"]:
        return
    if here.may(Right.SET_SEVERITY):
        text = f"{words.name(row.author, row.recorded)} proposes SEV-{row.payload['to']}: {row.texts.get('reason', '')}"
        yield Banner("severity", "wait", "Severity proposed", text, None, Link("#f-severity", "Decide"))


def _drafts(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> Found:
    """COM-09: a prepared draft waits for whoever writes."""
    row, sent = bundle.last("draft.prepared"), bundle.state["sent"]
    if row is None or here.over or not may_update(here):
        return
    to = [audience for audience in row.payload.get("to", ()) if sent.get(audience, "") < stamp(row.happened)]
    if to:
        text = f"A draft for {readers(to)} is ready."
        link = Link(f"/incidents/{bundle.incident.key}/updates/new/", "Open the draft")
        yield Banner("draft", "", "Draft ready", text, None, link)

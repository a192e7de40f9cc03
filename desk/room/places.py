"""r-sends, r-alerts, r-runbooks, r-theories: what went out, what came in, where to look (COM-35, ALR-03, FIND-04, INC-28)."""

from collections.abc import Sequence
from json import loads
from typing import Any

from desk.room.load import Bundle
from desk.room.shapes import AlertRow, Alerts, Link, PageRow, Places, RunbookLink, SendRow, TheoryRow
from desk.room.standing import Standing
from desk.room.words import Words, rough
from incidentdesk.kernel.stamps import moment
from incidents.disclosure import hidden_audiences
from incidents.protocol import Reading
from oncall import labels
from people.rights import Right

_WORDS = {"confirmed": "Confirmed", "ruled_out": "Ruled out"}


def theories(bundle: Bundle, here: Standing, words: Words) -> tuple[TheoryRow, ...]:
    """Every theory, open ones first; nothing for those who may not see theories (RBAC-21)."""
    if not here.may(Right.SEE_THEORIES):
        return ()
    settled = {row.payload["theory"]: row for row in bundle.of("theory.settled")}
    found = []
    for row in bundle.of("theory"):
        state = bundle.state["theories"].get(str(row.seq), "open")
        end = settled.get(row.seq)
        word = f"Open, {rough(words.since(row.happened))}"
        if state != "open":
            word = (
                f"{_WORDS[state]} {words.short(end.happened)} by {words.name(end.author, end.recorded)}"
                if end
                else _WORDS[state]
            )
        text = row.texts.get("text", "[redacted]")
        found.append(TheoryRow(row.seq, text, words.name(row.author, row.recorded), state, word))  # type: ignore[arg-type]  # the fold knows these words alone
    return tuple(sorted(found, key=lambda each: (each.state != "open", -each.seq)))


def sends(bundle: Bundle, here: Standing, words: Words) -> tuple[SendRow, ...]:
    """Every text that was sent and what became of it; messages that were given up stand among them (COM-35).

    The words of a text are for those who may read it (RBAC-21).
    """
    hidden = hidden_audiences(here.rights)
    return tuple(_send(row, bundle, hidden, words) for row in bundle.sends)


def missing(rows: Sequence[dict[str, Any]]) -> int:
    """How many a list that was cut leaves out; each row says how many there are in all."""
    return rows[0]["whole"] - len(rows) if rows else 0


def _send(row: dict[str, Any], bundle: Bundle, hidden: frozenset[str], words: Words) -> SendRow:
    state, word = _delivery(row)
    again = str(row["message"] or "")
    if not row["number"]:
        return SendRow(
            f"m-{again}", row["subject"] or "A message", words.at(row["sent_at"]), "", "dead", word, "", again
        )
    return SendRow(
        id=f"{row['number']}-{row['audience']}",
        title=f"Update {row['number']} to {row['audience']}",
        at=words.at(row["sent_at"]),
        by=", ".join(
            part for part in (_author(row, words), words.at(row["sent_at"]).utc, _plus(row, bundle)) if part
        ),
        state=state,  # type: ignore[arg-type]  # one of the words below
        word=word,
        text="" if row["audience"] in hidden else f"{row['subject']}\n\n{row['body']}",
        resend=again,
    )


def _author(row: dict[str, Any], words: Words) -> str:
    return words.name(row["author_id"], row["sent_at"]) if row["author_id"] else ""


def _plus(row: dict[str, Any], bundle: Bundle) -> str:
    """Minutes since detection (INC-17)."""
    passed = (row["sent_at"] - moment(bundle.state["alert"])).total_seconds() / bundle.state["minute"]
    return f"T+{int(passed)}"


def _delivery(row: dict[str, Any]) -> tuple[str, str]:
    whole, sent = row["all"], row["sent"]
    if row["dead"]:
        dead = "dead" if row["dead"] == whole else f"{row['dead']} of {whole} dead"
        return "dead", f"{dead} after {row['attempt']} tries: {row['error'] or 'no answer'}"
    if row["failing"]:
        return "failed", f"{sent} of {whole} sent, trying again: {row['error']}"
    if row["pending"]:
        return "pending", f"{sent} of {whole} sent"
    if row["simulated"]:
        return "simulated", f"simulated for {row['simulated']}"
    if row["kept"]:
        return "kept", "kept here, not sent"
    return ("sent", f"sent to {sent}") if whole else ("kept", "kept here, goes to nobody by message")


def alerts(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> Alerts:
    """The alerts of the incident and the people they woke."""
    told = labels.apart((row["id"], row["name"], loads(row["labels"] or "{}")) for row in bundle.alerts)
    first = next(iter(bundle.alerts), {"left_out": 0})
    return Alerts(
        rows=tuple(_alert(row, labels.words(told[row["id"]]), bundle, words) for row in bundle.alerts),
        pages=_pages(bundle, here, readings, words),
        missing=missing(bundle.alerts),
        left_out=int(first["left_out"] or 0),
    )


def _alert(row: dict[str, Any], told: str, bundle: Bundle, words: Words) -> AlertRow:
    state, at = row["state"], row["ends_at"]
    word = f"firing since {words.at(row['starts_at']).clock}"
    if state == "resolved":
        ended = bool(bundle.state["impact"]) and bundle.state["impact"][-1][1] is not None
        word = f"resolved {words.short(at)}" if at else "resolved"
        word += "" if ended else ": proposes that the impact has ended"
    elif state == "ended":
        word = f"ended {words.short(at)}" if at else "ended by hand"
    if not row["critical"]:
        word = f"warning, {word}"
    return AlertRow(
        str(row["id"]), row["name"], row["service"] or "", state, word, row["count"], row["summary"],
        row["value"], told, row["generator_url"], row["runbook_url"],
    )  # fmt: skip


def _pages(bundle: Bundle, here: Standing, readings: Sequence[Reading], words: Words) -> tuple[PageRow, ...]:
    fold = bundle.state
    chain = next((each for each in readings if each.about == "paging" and each.word == "running"), None)
    goes_on = f", the next person at {words.at(chain.due).short}" if chain and chain.due else ""
    overdue = {each.subject for each in readings if each.about == "page" and each.word == "overdue"}
    found = []
    answered = any("acked" in page and page["call"] != "hand" for page in fold["pages"].values())
    for number in sorted(fold["pages"], key=int, reverse=True):
        page = fold["pages"][number]
        state, word = "waiting", f"not answered yet{goes_on if page['call'] != 'hand' else ''}"
        if "acked" in page:
            state, word = "acknowledged", f"acknowledged {words.short(page['acked'])}"
        elif answered and page["call"] != "hand":
            state, word = "escalated", "somebody else answered"
        elif fold["unanswered"] or number in overdue:
            state, word = "unanswered", f"not answered{goes_on if page['call'] != 'hand' else ''}"
        mine = page["user"] == words.viewer and "acked" not in page  # also after the end (decisions 12)
        found.append(PageRow(words.name(page["user"]), words.at(page["at"]), state, word, mine, number))  # type: ignore[arg-type]  # one of the words above
    return tuple(found)


def places(bundle: Bundle) -> Places:
    """Runbooks and dashboards of the affected services, each once."""
    links: dict[str, Link] = {}
    for service in bundle.services:
        for board in service["dashboards"] or ():
            url = str(board.get("url", ""))
            if url.startswith(("https://", "http://")):
                links.setdefault(
                    url, Link(url, f"{board.get('name') or 'Dashboard'}, {service['name']}", "gauge")
                )
    runbooks = tuple(
        RunbookLink(each["title"], each["url"], f"for {each['service']}") for each in bundle.runbooks
    )
    return Places(runbooks, tuple(links.values()), missing(bundle.runbooks))

"""The board in words: one row an incident, one line a resolved one, and the figures beside them."""

from desk.board.load import Board, Open
from desk.board.yours import yours
from desk.room.clocks import next_update, updates_due
from desk.room.header import elapsed, severity, status
from desk.room.shapes import DeskPast, DeskRow, DeskView, Live, Pair, Severity
from desk.room.words import Words, counted, number, rough
from desk.triage import subject
from incidentdesk.kernel.stamps import stamp
from incidents.models import Incident
from incidents.protocol import Reading
from incidents.protocol.score import impact_minutes
from incidents.protocol.state import approvers, force, holder
from incidents.sentences import STATUS
from people.rights import Right, columns, may

LIST_URL = "/incidents/"
LIVE_URL = "/live/"


def view(board: Board) -> DeskView:
    """`desk` of the templates."""
    rows = sorted(board.active, key=lambda each: (force(each.state) or 5, each.state["alert"]))
    late = sum(
        each.word == "overdue" for one in board.active for each in updates_due(one.readings, one.protocol)
    )
    waits = sum(one.incident.waiting for one in board.active)
    mine = yours(board)
    loud = "(!) " if late or any(wait.kind == "wait" for wait in mine) else ""
    overdue = f"{counted(late, 'update')} overdue" if late else ""
    summary = ", ".join(
        (f"{len(rows) + board.more} active" if rows else "No active incident", *([f"{counted(waits, 'approval')} waiting"] if waits else []))
    )  # fmt: skip
    return DeskView(
        live=Live(LIVE_URL, board.cursor, stamp(board.now), stamp(board.tick) if board.tick else ""),
        now=board.words.at(board.now),
        summary=summary,
        overdue=overdue,
        title=f"{loud}{overdue or summary}: Incident Desk",
        yours=mine,
        active=tuple(_row(each, board) for each in rows),
        quiet=_quiet(board),
        resolved=tuple(_past(each, board.words) for each in board.resolved),
        list_url=LIST_URL,
        figures=_figures(board),
        attention=board.attention,
        warnings=board.warnings[0],
        warnings_more=board.warnings[1],
        more=board.more,
    )


def _row(each: Open, board: Board) -> DeskRow:
    state, words, incident = each.state, board.words, each.incident
    commander = holder(state, "ic")
    waits = any(
        change["state"] == "proposed"
        and words.viewer in approvers(state, change["requester"], major=change["major"])
        for change in state["changes"].values()
    )
    return DeskRow(
        url=each.base,
        key=incident.key,
        title=subject(incident.title),
        sub=_sub(each, board),
        severity=severity(state),
        status=status(state, state["opened"], words),
        drill=incident.kind == Incident.Kind.DRILL,
        elapsed=elapsed(state, words),
        ic=words.name(commander) if commander else "",
        ic_gap="" if commander else _gap(each),
        next_update=next_update(each.readings, each.protocol, words),
        waiting=incident.waiting,
        waits_for_you=waits,
    )


def _sub(each: Open, board: Board) -> str:
    """Which services, and what an hour of it costs, for those who may see that (RBAC-21)."""
    told = (
        each.revenue and force(each.state) in (1, 2) and may(Right.SEE_REVENUE, columns(board.viewer.roles))
    )
    revenue = f". {number(each.revenue)} per hour at risk" if told else ""
    return f"{', '.join(each.services)}{revenue}"


def _gap(each: Open) -> str:
    """Nobody leads where the severity asks for a commander: since when (ROLE-30)."""
    level = force(each.state)
    if level is None or "ic" not in each.protocol.severities[level].roles:
        return ""
    late = next((r for r in each.readings if r.about == "command" and r.word == "overdue"), None)
    return f"nobody, late {_late(late, each)}" if late else "nobody yet"


def _late(reading: Reading, each: Open) -> str:
    return rough(reading.by * each.state["minute"])


def _past(incident: Incident, words: Words) -> DeskPast:
    level = incident.severity or 0
    return DeskPast(
        url=f"/incidents/{incident.key}/",
        key=incident.key,
        title=subject(incident.title),
        severity=Severity(level, f"SEV-{level}" if level else "not rated"),
        resolved=words.short(incident.resolved_at) if incident.resolved_at else "",
        duration=_duration(incident, words),
        status=STATUS[incident.status],
    )


def _duration(incident: Incident, words: Words) -> str:
    """How long customers felt it; where that was never stated, from alert to resolved. Time as it passed."""
    seconds = impact_minutes(incident.state, words.now)[0] * incident.state["minute"]
    if not seconds and incident.resolved_at:
        seconds = (incident.resolved_at - incident.alert_fired_at).total_seconds()
    return rough(seconds)


def _quiet(board: Board) -> str:
    last = board.resolved[0].resolved_at if board.resolved else None
    return f"The last one was resolved {board.words.short(last)}." if last else "There has been none so far."


def _figures(board: Board) -> tuple[Pair, ...]:
    if board.last_major is None:
        return ()
    return (Pair("Days since the last SEV-1", str((board.now - board.last_major).days)),)

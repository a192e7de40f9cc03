"""Stored alerts become entries on records: open or join an incident, page its first person, or only be noted (ALR-02).

The tick calls `admit_pending`; nothing here is an act of a person, so the desk is the author of every entry. All
decisions are made over values read at the start; what they come to is written in a handful of statements.
"""

import logging
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import chain
from time import sleep
from typing import Any, Final

from django.db import transaction

from comms import outbox
from desk import affected, alert_texts, severity_words, triage
from desk.notices import Notice, lapse, messages
from incidentdesk.kernel import leaving, sql, trouble
from incidentdesk.kernel.stamps import stamp
from incidents import lifecycle, projection
from incidents import record as records
from incidents.models import Incident, Service
from incidents.protocol import Draft, clocks, paging, parse
from incidents.protocol.state import ended, force, responders
from incidents.protocol.words import STORED, words
from incidents.record import Record
from oncall import alerts, pages, unknown_words
from oncall.identity import Kin, Outages, Waiting

BATCH: Final = 500
ROUNDS: Final = 20
PUT_OFF: Final = timedelta(seconds=30)
# A group whose incident another transaction holds is tried again after about as long as an act takes, then at each tick.
BUSY_TRIES: Final = 2
BUSY_PAUSE: Final = 0.05
BATCH_WAIT: Final = "SET LOCAL lock_timeout = '500ms'"
GROUP_WAIT: Final = "SET LOCAL lock_timeout = '100ms'"
log = logging.getLogger(__name__)
Group = tuple[str, str]


def admit_pending(*, now: datetime, limit: int = BATCH) -> int:
    """Admit what the hook has stored, the first alert of every group ahead of all others; how many rows were admitted.

    Any number of processes may do this at once: a group is admitted by one at a time, and nobody waits for it. Nor does
    anybody wait for a transaction that stands still: the groups it holds up stay pending, and all others go on.
    """
    total = 0
    busy: set[Group] = set()
    for _ in range(ROUNDS):
        before = len(busy)
        count = _batch(now, limit, busy)
        total += count
        if leaving.asked() or (not count and len(busy) == before):
            break
    for _ in range(BUSY_TRIES):
        if busy and not leaving.asked():
            sleep(random.uniform(0.5, 1.5) * BUSY_PAUSE)  # noqa: S311  (spreads tries, guards nothing)
            again, busy = busy, set()
            total += sum(_one_group(group, now, limit, busy) for group in again)
    return total


def admit_groups(groups: Iterable[Group], *, now: datetime) -> int:
    """Admit what waits of these groups alone, each in a transaction of its own; how many rows were admitted."""
    return sum(_one_group(group, now, BATCH, set()) for group in groups)


def admit(waiting: Sequence[Waiting], *, now: datetime, time: str = Incident.Time.WALL) -> dict[int, str]:
    """Admit these in the caller's transaction; the key of the incident each one is on, by alert.

    With `time` driven the incidents opened are a driver's: their messages are only simulated.
    """
    admission = _admitted(waiting, now, time)
    return {
        each.id: admission.records[each.incident].key
        for each in waiting
        if each.incident in admission.records
    }


def _batch(now: datetime, limit: int, busy: set[Group]) -> int:
    """Admit one batch of groups that are not `busy`, and add to `busy` those that turn out to be; how many rows."""
    if not alerts.any_pending(now=now):
        return 0  # most rounds: one statement, and no transaction to open and close
    lifecycle.prepare(now=now)
    try:
        with transaction.atomic():
            sql.run(BATCH_WAIT)
            waiting = alerts.claim_pending(now=now, limit=limit, without=busy)
            return _admit_free(waiting, now, busy)
    except Exception as error:  # the batch is rolled back whole; the bad group is found below
        if trouble.is_lock_wait(error):
            log.warning("A batch of alerts met a lock; taking its groups one by one.")
        else:
            log.exception("A batch of alerts could not be admitted; taking its groups one by one.")
        return _group_by_group(now, limit, busy)


def _group_by_group(now: datetime, limit: int, busy: set[Group]) -> int:
    with transaction.atomic():
        waiting = alerts.claim_pending(now=now, limit=limit, without=busy)
        groups = list(dict.fromkeys(alert.group for alert in waiting))
    return sum(_one_group(group, now, limit, busy) for group in groups)


def _one_group(group: Group, now: datetime, limit: int, busy: set[Group]) -> int:
    members: list[Waiting] = []
    try:
        with transaction.atomic():
            sql.run(GROUP_WAIT)
            members = alerts.claim_pending(now=now, limit=limit, group=group)
            return _admit_free(members, now, busy)
    except Exception as error:  # one poisoned group must not stop the others
        if trouble.is_lock_wait(error):
            busy.add(group)
            return 0
        log.exception("The alerts of group %s wait for another try.", group)
        with transaction.atomic():
            alerts.put_off(members, until=now + PUT_OFF)
    return len(members)


def _admit_free(waiting: Sequence[Waiting], now: datetime, busy: set[Group]) -> int:
    """Admit these but for the groups whose incidents another transaction holds: those are added to `busy`."""
    if not waiting:
        return 0
    admission = _admitted(waiting, now, Incident.Time.WALL, wait=False)
    busy |= admission.busy
    return len(admission.waiting)


def _admitted(waiting: Sequence[Waiting], now: datetime, time: str, *, wait: bool = True) -> "_Admission":
    admission = _Admission(waiting, now, time, wait=wait)
    for alert in sorted(admission.waiting, key=lambda each: (not each.critical, each.starts_at, each.id)):
        admission.take(alert)
    admission.store()
    return admission


class _Admission:
    """One batch: what is known of its alerts, the records in hand, and what is to be written.

    Without `wait` alerts whose incidents another transaction holds are not in `waiting`, and their groups are `busy`.
    """

    def __init__(self, waiting: Sequence[Waiting], now: datetime, time: str, *, wait: bool = True) -> None:
        self.now, self.time = now, time
        self.protocol = parse(lifecycle.current_protocol(now).text)
        self.stale = timedelta(seconds=self.protocol.setting("alerts_stale"))
        self.grouped: dict[tuple[str, str], set[int]] = defaultdict(set)  # incidents by source and group
        kin = alerts.kin(waiting)
        self.outages = Outages(kin, same=timedelta(seconds=self.protocol.setting("alerts_same")))
        for each in kin:
            if each.incident:
                self.grouped[each.source, each.group_key].add(each.incident)
        self.services = affected.services(waiting)
        self.nearby = affected.incidents_of([self.services[a.id] for a in waiting if not a.critical], time)
        known = {each.incident for each in kin if each.incident and each.status != "closed"}
        near = {incident for found in self.nearby.values() for incident in found}
        wanted = known | near
        self.records = records.load_many(wanted, now=now, wait=wait) if wanted else {}
        held = wanted - self.records.keys()
        self.teams = lifecycle.teams_paged(wanted) if wanted and any(self.services.values()) else {}
        blocked = {each.id for each in waiting if held & self._concerned(each)} if held else set()
        self.busy = {each.group for each in waiting if each.id in blocked}
        self.waiting = [each for each in waiting if each.id not in blocked]
        self.opened: dict[tuple[str, str], list[int]] = defaultdict(list)  # one a team, by group
        self.opened_for: dict[int, list[int]] = defaultdict(list)  # what was opened here, by service
        self.planned: list[pages.Planned] = []
        self.superseded: list[int] = []
        self.same: dict[int, int] = {}  # the outage that an alert is another sender's start of
        self.refreshed: dict[int, int] = {}  # the incident of an alert that only reads otherwise
        self.notices: list[Notice] = []
        self.words = words(self.protocol)

    def _concerned(self, alert: Waiting) -> set[int]:
        """The incidents that deciding about an alert may read or change."""
        service = self.services[alert.id]
        found = self.outages.incidents(alert)
        found |= {each for each in self.grouped.get(alert.group, ()) if self._is_for(each, service)}
        return found | set(self.nearby.get(service.pk, ()) if service else ())

    def take(self, alert: Waiting) -> None:
        """Decide about one alert."""
        service = self.services[alert.id]
        alert.service = service.pk if service else alert.service
        if alert.id in self.outages.roots and alert.incident is None:
            self.same[alert.id] = self.outages.roots[alert.id]
            return
        alert.weigh(stale=self.stale)
        over = self.outages.is_over(alert)
        if alert.incident is not None and not self._goes_on_elsewhere(alert, over, service):
            self._follow(alert, over)
            return
        if over:
            self._is_over(alert)  # late news of something the source has started anew since
            return
        earlier = self.outages.before(alert)
        self._end(earlier, because=alert)
        if alert.fired and (alert.critical or self.words.meaning(alert.word) != STORED):
            self._fire(alert, earlier, service)

    def _goes_on_elsewhere(self, alert: Waiting, over: bool, service: Service | None) -> bool:
        """Whether the alert leaves its incident for another one: a resolve that was not one came too late for it, or a
        warning that stands beside another team's incident has become critical, which its own team must hear."""
        record = self.records.get(alert.incident or 0)
        if over or alert.state != "firing":
            return False
        if record is None or ended(record.state):
            if alert.is_back:
                alerts.leave(alert)
            return alert.is_back
        known = record.state["alerts"].get(str(alert.id))
        if known is None or known["critical"] or not alert.critical or self._is_for(record.id, service):
            return False
        alerts.leave(alert)
        if known["firing"]:
            payload = {"alert": alert.left, "critical": True, "superseded": alert.id}
            record.add(Draft("alert.resolved", payload, texts=alert_texts.texts(alert)))
        return True

    def _is_for(self, incident: int, service: Service | None) -> bool:
        """Whether the team whose list this incident pages is that of the service; any is, where the service is unknown."""
        return service is None or self.teams.get(incident, service.team_id) == service.team_id

    def _follow(self, alert: Waiting, over: bool) -> None:
        """An alert that is on an incident: it ended, goes on after all, is graver than before, or reads otherwise."""
        record = self.records.get(alert.incident or 0)
        known = record.state["alerts"].get(str(alert.id)) if record is not None else None
        if alert.state != "firing":
            self._resolve(record, alert)
        elif over:
            self._is_over(alert)
        elif record is None or known is None or ended(record.state):
            return
        elif alert.is_back and not known["firing"]:
            self._join(record, alert, again=alert.critical)
        elif alert.critical and not known["critical"]:
            self._join(record, alert, again=False)
        else:
            self.refreshed[alert.id] = record.id

    def store(self) -> None:
        """Write everything: entries, states, rows, pages and their mails."""
        found = list(self.records.values())
        records.save(found, now=self.now)
        reread = set(self.refreshed.values())
        records.touch(each.id for each in found if each.id in reread and not each.added)
        for record in found:
            if record.added:
                projection.project(record, now=self.now)
                entries = (written.entry for written in record.added)
                self.notices += [
                    lapse(record.id, record.state, each) for each in entries if each.kind == "change.lapsed"
                ]
        severity_words.tell(unknown_words.note(self.waiting, self.words, now=self.now), now=self.now)
        pages.settle(found)
        mails = pages.store(self.planned, now=self.now)
        outbox.put([*mails, *messages(self.notices, self.records)], now=self.now)
        alerts.settle(
            self.waiting,
            superseded=self.superseded,
            groups=list(self.opened),
            services=list(self.opened_for),
            same=self.same,
            refreshed=list(self.refreshed),
        )

    def _fire(self, alert: Waiting, earlier: Sequence[Kin], service: Service | None) -> None:
        record = self._target(alert, earlier, service)
        if record is None and not alert.critical:
            return  # a warning opens nothing and wakes nobody (ALR-13)
        if record is None:
            self._open(alert, earlier, service)
        else:
            self._join(
                record,
                alert,
                again=alert.critical and any(k.incident == record.id and k.fired for k in earlier),
            )
        if alert.state != "firing":
            self._resolve(self.records.get(alert.incident or 0), alert)

    def _target(self, alert: Waiting, earlier: Sequence[Kin], service: Service | None) -> Record | None:
        """The unresolved incident it belongs to: of those that page its own team, where it fired before, or that of its
        group; for a warning also that of its service."""
        candidates = [k.incident for k in reversed(earlier)]
        candidates += self.opened.get(alert.group, ())
        candidates += sorted(self.grouped.get(alert.group, ()), reverse=True)
        found = [record for record in self._unresolved(candidates) if self._is_for(record.id, service)]
        if not found and not alert.critical and service is not None:
            found = self._unresolved([*self.opened_for.get(service.pk, ()), *self.nearby.get(service.pk, ())])
        return found[0] if found else None

    def _unresolved(self, incidents: Iterable[int | None]) -> list[Record]:
        records = (self.records.get(incident or 0) for incident in incidents)
        return [record for record in records if record is not None and not ended(record.state)]

    def _open(self, alert: Waiting, earlier: Sequence[Kin], service: Service | None) -> None:
        """A critical alert opens a record and pages the first of the list (decisions: before anybody declared)."""
        service = service or lifecycle.unsorted()
        presumed = self._presumed(alert)
        going = {each.id for each in self._unresolved(k.incident for k in earlier)}
        before = [k.incident for k in earlier if k.incident is not None and k.incident not in going]
        opening = lifecycle.Opening(
            title=triage.title(presumed, [service.name], alert.summary or alert.name),
            services=[service],
            alert_fired_at=min(alert.starts_at, self.now),
            source="alert",
            presumed=presumed,
            symptom=alert.summary or alert.name,
            time=self.time,
            follows=before[-1] if before else None,
        )
        record = lifecycle.open_record(opening, by=None, now=self.now)
        self.records[record.id], self.teams[record.id] = record, service.team_id
        self.opened[alert.group].append(record.id)
        alert.service = service.pk
        self._enter(record, alert, again=False)
        self._page(record, record.state["ladder"][:1] or record.state["managers"][:1], alert)

    def _join(self, record: Record, alert: Waiting, *, again: bool) -> None:
        """One alert more on an incident. Nobody is paged, unless it fired again or is graver than what was paged for."""
        before, window = force(record.state), clocks.window_runs(record.protocol, record.state)
        answered, red = paging.acknowledged(record.state), record.state["unanswered"]
        self._enter(record, alert, again=again)
        if not alert.critical:
            return
        if window:
            self._tell_all(record, alert)
        state = record.state
        graver = not answered and before not in (1, 2) and force(state) in (1, 2)
        # A chain that still runs goes on as it is: starting it anew would keep it from ever reaching the next person.
        if graver or (again and (answered or red or not paging.run(state))):
            owner = [state["owner"]] if state["owner"] else state["ladder"][:1] or state["managers"][:1]
            self._page(record, owner, alert)

    def _tell_all(self, record: Record, alert: Waiting) -> None:
        """RES-02: what starts the window anew, or ends it, is told to everybody."""
        word = "starts again" if clocks.window_runs(record.protocol, record.state) else "is void"
        self.notices.append(
            Notice(record.id, tuple(responders(record.state)), f"the window {word}",
                   f"{alert_texts.which(alert)} fires since {alert.starts_at:%H:%M} UTC. Status: {record.state['status']}.",
                   f"alert:{alert.id}:{record.seq}")
        )  # fmt: skip

    def _enter(self, record: Record, alert: Waiting, *, again: bool) -> None:
        alert.incident, alert.again = record.id, again
        if alert.service and record.id in chain.from_iterable(self.opened.values()):
            self.opened_for[alert.service].append(record.id)
        payload: dict[str, Any] = {"alert": alert.id, "critical": alert.critical, "again": again}
        if alert.is_back:
            payload["withdrawn"] = True  # its resolve was not one
        if alert.critical:
            payload["presumed"] = self._presumed(alert)
        record.add(Draft("alert.fired", payload, texts=alert_texts.texts(alert)))

    def _presumed(self, alert: Waiting) -> int:
        return alert.presumed or int(self.protocol.settings["intake_critical"])

    def _page(self, record: Record, users: Sequence[int], alert: Waiting) -> None:
        if force(record.state) == 4:
            return  # a ticket for the next working day; nobody is woken
        if not users:
            # Nobody can be called: what stands red everywhere after a chain that nobody answered stands at once.
            record.add(paging.nobody(record.protocol))
            return
        at = pages.goes_out(record.state, now=self.now)
        numbers = pages.numbered(record.state, users)
        payload: dict[str, Any] = {"pages": [list(each) for each in numbers], "call": "chain", "level": 1}
        if at > self.now:
            payload["at"] = stamp(at)
        record.add(Draft("page.sent", payload))
        text = f"{alert_texts.which(alert)}, firing since {alert.starts_at:%H:%M} UTC."
        self.planned.append(
            pages.plan(
                record.id,
                record.uid,
                record.key,
                record.title,
                numbers,
                "chain",
                1,
                now=self.now,
                at=at,
                text=text,
            )
        )

    def _resolve(self, record: Record | None, alert: Waiting) -> None:
        """The source says it is over. That proposes; nothing moves by it."""
        if record is None or record.state["status"] == "closed" or alert.state == "firing":
            return
        known = record.state["alerts"].get(str(alert.id))
        if known is not None and known["firing"]:
            record.add(
                Draft(
                    "alert.resolved",
                    {"alert": alert.id, "critical": alert.critical},
                    texts=alert_texts.texts(alert),
                )
            )

    def _is_over(self, alert: Waiting) -> None:
        if alert.state == "firing":
            alert.state = "ended"
            self.superseded.append(alert.id)

    def _end(self, earlier: Sequence[Kin], *, because: Waiting) -> None:
        """The source has started it anew without resolving it: the earlier firing is over."""
        for kin in earlier:
            if kin.state != "firing" or kin.id == because.left:
                continue
            self.superseded.append(kin.id)
            record = self.records.get(kin.incident or 0)
            if record is not None and record.state["alerts"].get(str(kin.id), {}).get("firing"):
                payload = {"alert": kin.id, "critical": because.critical, "superseded": because.id}
                record.add(Draft("alert.resolved", payload, texts=alert_texts.texts(because)))

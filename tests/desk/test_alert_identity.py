"""What an alert's identity and its end mean (decision 54): each row of its table is a case here."""

import random
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from comms.models import Message
from desk import admission, tick
from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import Refused
from incidents import lifecycle
from incidents.models import Incident, TimelineEntry
from incidents.protocol import check, default_text
from incidents.protocol.definition import ProtocolError
from incidents.sentences import Told, sentence
from oncall.identity import Waiting
from oncall.models import Alert
from tests.at_once import at_once
from tests.desk.nights import Night, kinds, paged
from tests.desk.test_status import CLOSING, ITEMS
from tests.factories import T0, do, minutes
from tests.oncall.makers import alert, receive

pytestmark = pytest.mark.django_db
ONE, TWO, THREE = "http://am-1.example:9093", "http://am-2.example:9093", "http://am-3.example:9093"


@dataclass
class Said:
    """What one sender says, `after` so many seconds; `since` is its start, in seconds from the stream's."""

    by: str
    firing: bool
    after: float = 0
    since: float = 0


def F(by: str = ONE, *, after: float = 0, since: float = 0) -> Said:
    return Said(by, True, after, since)


def R(by: str = ONE, *, after: float = 0, since: float = 0) -> Said:
    return Said(by, False, after, since)


@dataclass
class Case:
    """A stream, and what it comes to: the states of the outages, how often it fired, how many pages, how many incidents."""

    said: list[Said]
    states: list[str]
    fired: int
    pages: int
    incidents: int = 1
    acknowledged: bool = True
    ticks: bool = True


CASES = {
    "a repeat is counted": Case([F(), F(after=300)], ["firing"], 1, 1),
    "a peer repeats": Case([F(ONE), F(TWO, after=20)], ["firing"], 1, 1),
    "a peer repeats a resolve": Case([F(ONE), R(ONE, after=60), R(TWO, after=1)], ["resolved"], 1, 1),
    "a peer repeats what has ended": Case([F(ONE), R(ONE, after=60), F(TWO, after=5)], ["resolved"], 1, 1),
    "a peer repeats it at the limit": Case([F(ONE), R(ONE, after=60), F(TWO, after=119)], ["resolved"], 1, 1),
    "another sender goes on": Case([F(ONE), R(ONE, after=60), F(TWO, after=121)], ["firing"], 2, 2),
    "a false resolve": Case([F(), R(after=540), F(after=360)], ["firing"], 2, 2),
    "a false resolve, at once": Case([F(), R(after=540), F(after=1)], ["firing"], 2, 2),
    "a false resolve, and a true one": Case([F(), R(after=540), F(after=1), R(after=60)], ["resolved"], 2, 2),
    "a false resolve of either peer": Case([F(ONE), R(ONE, after=60), R(TWO, after=1), F(ONE, after=1)], ["firing"], 2, 2),
    "a false resolve before the chain is answered": Case(
        [F(), R(after=10), F(after=10)], ["firing"], 2, 1, acknowledged=False
    ),
    "a sender without a name goes on": Case([F(""), R("", after=60), F("", after=121)], ["firing"], 2, 2),
    "a sender without a name repeats": Case([F(""), R("", after=60), F("", after=60)], ["resolved"], 1, 1),
    "two Prometheus": Case([F(ONE), F(TWO, after=3, since=4)], ["firing"], 1, 1),
    "two Prometheus, the later first": Case([F(TWO, since=4), F(ONE, after=3)], ["firing"], 1, 1),
    "two Prometheus at the limit": Case([F(ONE), F(TWO, after=60, since=60)], ["firing"], 1, 1),
    "two Prometheus in one tick": Case([F(ONE), F(TWO, since=4)], ["firing"], 1, 1, ticks=False),
    "three Prometheus in one tick": Case(
        [F(TWO, since=30), F(ONE), F(THREE, since=15)], ["firing"], 1, 1, ticks=False
    ),
    "two Prometheus, both end": Case(
        [F(ONE), F(TWO, after=3, since=4), R(ONE, after=60), R(TWO, after=4, since=4)], ["resolved"], 1, 1
    ),
    "two Prometheus, the other repeats what has ended": Case(
        [F(ONE), F(TWO, after=3, since=4), R(ONE, after=60), F(TWO, after=9, since=4)], ["resolved"], 1, 1
    ),
    "two Prometheus, the other goes on": Case(
        [F(ONE), F(TWO, after=3, since=4), R(ONE, after=60), F(TWO, after=130, since=4)], ["firing"], 2, 2
    ),
    "two Prometheus, the other tells of it after its end": Case(
        [F(ONE), R(ONE, after=30), F(TWO, after=5, since=4)], ["resolved"], 1, 1
    ),
    "two Prometheus, both start anew within a minute": Case(
        [F(ONE), F(TWO, since=4), R(ONE, after=20), R(TWO, since=4),
         F(TWO, after=31, since=55), F(ONE, after=1, since=50)], ["resolved", "firing"], 2, 2,
    ),
    "two starts further apart": Case([F(ONE), F(TWO, after=61, since=61)], ["ended", "firing"], 2, 2),
    "the sender restarts": Case([F(), F(after=30)], ["firing"], 1, 1),
    "the sender restarts and dates it anew": Case([F(), F(after=30, since=30)], ["ended", "firing"], 2, 2),
    "senders without a name have two starts": Case([F(""), F("", after=4, since=4)], ["ended", "firing"], 2, 2),
    "resolved without firing": Case([R()], ["resolved"], 0, 0, 0, acknowledged=False),
    "resolved before its firing": Case([R(), F(after=30)], ["resolved"], 0, 0, 0, acknowledged=False),
    "resolved without firing, and goes on": Case([R(), F(TWO, after=130)], ["firing"], 1, 1, acknowledged=False),
    "fired and ended within one tick": Case([F(), R()], ["resolved"], 1, 1, acknowledged=False, ticks=False),
    "a false resolve within one tick": Case([F(), R(), F()], ["firing"], 1, 1, acknowledged=False, ticks=False),
    "a start in the future": Case([F(since=3600), F(after=60, since=3600)], ["firing"], 1, 1),
    "a start in the future, and a true one": Case([F(since=7200), F(after=900, since=1500)], ["firing", "ended"], 2, 2),
    "a false resolve by a clock ahead": Case([F(since=3600), R(after=60, since=3600), F(after=1, since=3600)], ["firing"], 2, 2),
}  # fmt: skip


class Stream:
    """One alert as its senders tell it; the clock of the rows moves with what is said."""

    def __init__(self, night: Night, *, acknowledged: bool = True, ticks: bool = True) -> None:
        self.night, self.now, self.acknowledged, self.ticks = night, clock.now(), acknowledged, ticks
        self.start = self.now - minutes(10)

    def hears(self, *said: Said) -> None:
        for each in said:
            self.passes(each.after)
            since = self.start + timedelta(seconds=each.since)
            until = None if each.firing else max(since, self.now)
            receive(self.night.token, alert(since=since, until=until), group="g1", by=each.by)
            if self.ticks:
                self.tick()

    def passes(self, seconds: float) -> None:
        """All that was received so far was received that much earlier."""
        self.now += timedelta(seconds=seconds)
        for row in Alert.objects.all():
            for name in ("received_at", "heard_at", "resolved_at", "back_at"):
                at = getattr(row, name)
                setattr(row, name, at and at - timedelta(seconds=seconds))
            row.save()

    def tick(self) -> None:
        tick.sweep(now=self.now)
        incident = Incident.objects.order_by("pk").last()
        if self.acknowledged and incident and incident.pages.filter(acknowledged_at=None).exists():
            self.night.acknowledge(self.night.anna, at=self.now, incident=incident)
            self.acknowledged = False


@pytest.mark.parametrize("name", CASES)
def test_what_senders_say_comes_to_what_the_table_says(name: str, night: Night) -> None:
    case = CASES[name]
    stream = Stream(night, acknowledged=case.acknowledged, ticks=case.ticks)

    stream.hears(*case.said)
    stream.tick()

    rows = Alert.objects.filter(same_as=None).order_by("starts_at", "pk")
    fired = TimelineEntry.objects.filter(kind="alert.fired").count()
    assert [row.state for row in rows] == case.states
    assert (fired, len(paged()), Incident.objects.count()) == (case.fired, case.pages, case.incidents)
    assert not Alert.objects.filter(pending=True).exists()
    assert sum(
        each.get("firing")
        for incident in Incident.objects.all()
        for each in incident.state["alerts"].values()
    ) == (case.states.count("firing"))


def at_work(night: Night, stream: Stream) -> Incident:
    """It fired, was declared and resolved, and impact has ended: Monitoring, with a commander."""
    stream.hears(F())
    incident = night.incident
    do(incident, "declarations", night.anna, stream.now, severity=1, symptom="writes fail")
    do(incident, "seats", night.anna, stream.now, role="ic")
    do(incident, "moves", night.anna, stream.now, to="mitigating", workaround="traffic shifted")
    stream.hears(R(after=60))
    do(incident, "impact-ends", night.anna, stream.now)
    assert incident.status == "monitoring"
    return incident


def resolve(incident: Incident, night: Night, stream: Stream) -> None:
    stream.passes(16 * 60)
    stream.tick()
    do(
        incident,
        "resolutions",
        night.anna,
        stream.now,
        proof="errors at 0",
        review_at=stream.now,
        items=ITEMS,
    )
    assert incident.status == "resolved"


def without_clocks(incident: Incident) -> list[str]:
    return [kind for kind in kinds(incident) if not kind.startswith("clock.")]


def last_fired(incident: Incident) -> TimelineEntry:
    return TimelineEntry.objects.filter(incident=incident, kind="alert.fired").latest("seq")


@pytest.mark.ledger("ALR-05", "ESC-08")
def test_in_monitoring_a_withdrawn_resolve_withdraws_the_end_of_the_impact_and_wakes_the_owner(
    night: Night,
) -> None:
    stream = Stream(night)
    incident = at_work(night, stream)
    before = len(paged())

    stream.hears(F(after=360))

    incident.refresh_from_db()
    assert incident.status == "investigating"
    assert incident.state["impact"][-1][1] is None
    assert incident.state["clocks"]["stabilisation"]["now"] is None
    assert without_clocks(incident)[-3:] == ["alert.fired", "status.moved", "page.sent"]
    assert [name for name, _, _ in paged()[before:]] == ["Anna"]
    assert (last_fired(incident).payload["again"], last_fired(incident).payload["withdrawn"]) == (True, True)


def test_a_withdrawn_resolve_reads_as_one(night: Night) -> None:
    stream = Stream(night)
    stream.hears(F(), R(after=60), F(after=1))

    entry = last_fired(night.incident)

    told = Told(entry.payload, texts={"name": "WriteErrors"})
    assert (
        sentence(entry.kind, told)
        == "WriteErrors (critical) is still firing. Its source withdrew the resolve."
    )


@pytest.mark.ledger("GATE-08")
def test_a_withdrawn_resolve_holds_up_the_resolve_of_the_incident(night: Night) -> None:
    stream = Stream(night)
    incident = at_work(night, stream)
    stream.hears(F(after=1))
    do(incident, "moves", night.anna, stream.now, to="mitigating", workaround="traffic shifted again")
    do(incident, "impact-ends", night.anna, stream.now)
    stream.passes(16 * 60)
    stream.tick()

    with pytest.raises(Refused) as refused:
        do(incident, "resolutions", night.anna, stream.now, proof="p", review_at=stream.now, items=ITEMS)
    assert any("1 critical alert is still firing" in block.sentence for block in refused.value.blocks)


@pytest.mark.ledger("ALR-05")
@pytest.mark.parametrize("closed", [False, True])
def test_once_the_incident_is_over_a_withdrawn_resolve_opens_one_that_follows_it(
    night: Night, closed: bool
) -> None:
    stream = Stream(night)
    first = at_work(night, stream)
    resolve(first, night, stream)
    if closed:
        do(first, "closures", night.anna, stream.now, items=CLOSING)
        assert first.status == "closed"
    review, entries = first.state["review"], kinds(first)

    stream.acknowledged = True
    stream.hears(F(after=360), F(after=300))

    second = Incident.objects.latest("pk")
    first.refresh_from_db()
    assert second != first and second.follows == first
    assert paged(second) == [("Anna", "chain", 1)]
    assert [each.state for each in first.alerts.all()] == ["resolved"]
    assert [(each.state, each.count) for each in second.alerts.all()] == [("firing", 2)]
    assert (first.state["review"], kinds(first)) == (review, entries)

    stream.hears(R(after=60), F(TWO, after=5))
    second.refresh_from_db()
    assert [each.state for each in second.alerts.all()] == ["resolved"]
    assert not any(each["firing"] for each in second.state["alerts"].values())


def test_it_may_go_on_over_and_over_after_each_incident_is_over(night: Night) -> None:
    stream = Stream(night)
    for _ in range(3):
        stream.hears(F(after=300), R(after=60))
        newest = Incident.objects.latest("pk")
        do(newest, "closures", night.anna, stream.now, reason="A test of the alarm.")

    opened = Incident.objects.order_by("pk")
    assert [each.follows for each in opened] == [None, opened[0], opened[1]]
    assert Alert.objects.count() == 3


def test_an_alert_that_never_stopped_opens_nothing_when_it_is_repeated_after_the_closure(
    night: Night,
) -> None:
    stream = Stream(night)
    stream.hears(F())
    do(night.incident, "closures", night.anna, stream.now, reason="A test of the alarm.")

    stream.hears(F(after=300))

    assert Incident.objects.count() == 1


def test_another_start_of_an_outage_goes_with_it_into_the_next_incident(night: Night) -> None:
    stream = Stream(night)
    stream.hears(F(ONE), F(TWO, since=4), R(ONE, after=60))
    do(night.incident, "closures", night.anna, stream.now, reason="A test of the alarm.")

    stream.hears(F(TWO, after=200, since=4), R(TWO, after=60, since=4))

    second = Incident.objects.latest("pk")
    assert [each.state for each in second.alerts.all()] == ["resolved"]
    assert Incident.objects.count() == 2
    assert Alert.objects.get(sender=TWO).same_as == second.alerts.get()


def test_what_a_person_ended_stays_ended_until_its_source_resolves_it_and_goes_on(night: Night) -> None:
    stream = Stream(night)
    stream.hears(F())
    row = Alert.objects.get()
    do(
        night.incident,
        "alert-ends",
        night.anna,
        stream.now,
        alert=row.pk,
        reason="The probe itself is broken.",
    )

    stream.hears(F(after=300), F(TWO, after=300))
    assert Alert.objects.get().state == "ended"
    stream.hears(R(after=60), F(after=10))

    assert Alert.objects.get().state == "firing"
    assert [entry.payload["again"] for entry in TimelineEntry.objects.filter(kind="alert.fired")] == [
        False,
        True,
    ]


def test_the_last_word_on_an_alert_in_one_body_counts(night: Night) -> None:
    since = clock.now() - minutes(5)
    over, fires = alert(since=since, until=since + minutes(1)), alert(since=since)

    receive(night.token, over, fires, by=ONE)
    tick.sweep(now=clock.now())
    assert (Alert.objects.get().state, without_clocks(night.incident)[-1]) == ("firing", "page.sent")
    receive(night.token, fires, over, fires, by=ONE)
    tick.sweep(now=clock.now())
    assert Alert.objects.get().state == "firing"
    receive(night.token, fires, over, by=ONE)
    tick.sweep(now=clock.now())

    assert Alert.objects.get().state == "resolved"
    assert kinds(night.incident).count("alert.fired") == 1


def test_two_starts_of_one_outage_in_one_body_are_one_row(night: Night) -> None:
    stream = Stream(night)
    stream.hears(F(ONE), F(TWO, since=4))

    both = [alert(since=stream.start), alert(since=stream.start + timedelta(seconds=4))]
    stored = receive(night.token, *both, by=TWO)

    assert (stored.new, stored.pending) == (0, 0)
    assert Alert.objects.get(same_as=None).state == "firing"


def test_an_alert_that_an_older_version_stored_as_resolved_goes_on_when_it_fires(night: Night) -> None:
    stream = Stream(night)
    stream.hears(F(""), R("", after=60))
    Alert.objects.update(sender="", resolved_at=None, resolved_by=[], heard_at=None)

    stream.hears(F(ONE, after=1))

    assert (Alert.objects.get().state, Alert.objects.get().sender) == ("firing", ONE)
    assert kinds(night.incident).count("alert.fired") == 2


def test_a_protocol_says_for_how_long_a_resolve_is_fresh_and_how_far_starts_may_lie_apart(
    night: Night,
) -> None:
    text = (
        default_text()
        .replace("alerts_stale = 120", "alerts_stale = 10")
        .replace("alerts_same = 60 ", "alerts_same = 2 ")
    )
    lifecycle.store_protocol(text, now=clock.now())
    stream = Stream(night)

    stream.hears(F(ONE), R(ONE, after=60), F(TWO, after=11), F(THREE, after=1, since=4))

    assert [each.state for each in Alert.objects.order_by("starts_at")] == ["ended", "firing"]


def test_a_protocol_from_before_these_settings_has_those_of_the_shipped_one(night: Night) -> None:
    lines = default_text().splitlines(keepends=True)
    lifecycle.store_protocol(
        "".join(line for line in lines if not line.startswith("alerts_")), now=clock.now()
    )
    stream = Stream(night)

    stream.hears(F(ONE), F(TWO, since=4), R(ONE, after=60), F(TWO, after=119, since=4))

    assert Alert.objects.get(same_as=None).state == "resolved"


@pytest.mark.parametrize("bad", ["-1", "4000", "true", '"soon"'])
def test_a_protocol_with_no_sane_seconds_is_refused(bad: str) -> None:
    with pytest.raises(ProtocolError, match="alerts_stale must be a number of seconds from 0 to 3600"):
        check(default_text().replace("alerts_stale = 120", f"alerts_stale = {bad}"))


def test_an_alert_that_turns_critical_while_it_fires_wakes_somebody(night: Night) -> None:
    since = clock.now() - minutes(5)
    mark = {"since": since, "fingerprint": "one"}
    receive(night.token, alert(severity="warning", **mark))
    tick.sweep(now=clock.now())
    assert not Incident.objects.exists()

    receive(night.token, alert(**mark))
    tick.sweep(now=clock.now())
    receive(night.token, alert(severity="warning", **mark))
    tick.sweep(now=clock.now())

    assert paged() == [("Anna", "chain", 1)]
    assert Alert.objects.get().critical


def test_a_warning_on_an_incident_that_turns_critical_holds_up_its_resolve(night: Night) -> None:
    now = clock.now()
    receive(night.token, alert(since=now), alert("Lag", since=now, severity="warning", fingerprint="lag"))
    tick.sweep(now=now)

    receive(night.token, alert("Lag", since=now, fingerprint="lag"))
    tick.sweep(now=now)

    assert all(each["critical"] and each["firing"] for each in night.incident.state["alerts"].values())
    assert paged() == [("Anna", "chain", 1)]


def test_each_start_of_the_window_by_one_alert_is_told(night: Night) -> None:
    stream = Stream(night)
    incident = at_work(night, stream)
    lag = {"since": stream.start, "fingerprint": "lag", "severity": "critical"}
    told = Message.objects.filter(payload__subject__icontains="the window starts again")

    receive(night.token, alert("Lag", **lag), group="g1", by=ONE)
    tick.sweep(now=stream.now)
    first = told.count()
    receive(night.token, alert("Lag", until=stream.now, **lag), group="g1", by=ONE)
    tick.sweep(now=stream.now + minutes(1))
    receive(night.token, alert("Lag", **lag), group="g1", by=ONE)
    tick.sweep(now=stream.now + minutes(2))

    incident.refresh_from_db()
    assert first > 0
    assert Message.objects.filter(payload__subject__icontains="the window").count() > first


@pytest.mark.parametrize("seed", range(12))
def test_any_order_in_which_peers_are_heard_comes_to_the_same(night: Night, seed: int) -> None:
    """Each body once, one sender telling the starts and its peer the ends: no order is told from another (F19)."""
    dice = random.Random(seed)
    ends, counts = [], []
    for shuffled in (False, True):
        group = f"stream {shuffled}"
        said = []
        for n in range(3):
            since = clock.now() - minutes(600 - 100 * n)
            mark = {"fingerprint": group, "since": since}
            said += [(alert(**mark), ONE), (alert(until=since + minutes(5), **mark), TWO)]
            said += [(alert(**{**mark, "since": since + timedelta(seconds=4)}), THREE)] * dice.randint(0, 2)
        if shuffled:
            dice.shuffle(said)
        for told, by in said:
            receive(night.token, told, group=group, by=by)
            if dice.random() < 0.5:
                tick.sweep(now=clock.now())
        tick.sweep(now=clock.now())
        rows = Alert.objects.filter(fingerprint=group, same_as=None).order_by("starts_at")
        ends.append([row.state in ("resolved", "ended") for row in rows])
        counts.append(len(rows))

    assert not Alert.objects.filter(pending=True).exists()
    assert all(all(each) for each in ends)
    assert counts == [3, 3]


@pytest.mark.django_db(transaction=True)
def test_a_resolve_between_reading_and_storing_a_withdrawal_is_heard_in_the_next_round(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Stream(night, ticks=False)
    stream.hears(F())
    stream.tick()
    stream.hears(R(after=60))
    stream.tick()
    do(night.incident, "closures", night.anna, stream.now, reason="A test of the alarm.")
    stream.hears(F(after=60))
    real, waits = admission.alerts.settle, [alert(since=stream.start, until=stream.now)]

    def settle(*given: Any, **more: Any) -> None:
        """Another connection stores a resolve before these are settled."""
        for told in waits[:]:
            waits.remove(told)
            at_once(partial(receive, night.token, told, group="g1", by=ONE))
        real(*given, **more)

    monkeypatch.setattr(admission.alerts, "settle", settle)
    stream.tick()

    second = Incident.objects.latest("pk")
    assert second.follows is not None
    assert without_clocks(second)[-1] == "alert.resolved"
    assert not any(each["firing"] for each in second.state["alerts"].values())


def test_every_case_of_the_decision_is_one_of_these() -> None:
    page = (Path(__file__).parents[2] / "docs/decisions/0054-identity-and-end-of-an-alert.md").read_text()
    named = re.findall(r"^\|[^|]+\|[^|]+\| ([^|]+) \|$", page, re.MULTILINE)[1:]

    assert len(named) > 20
    assert set(named) <= set(CASES)


@pytest.mark.parametrize("more, state", [(0, "resolved"), (1, "firing")])
def test_a_firing_at_the_very_limit_is_still_an_overtaken_repeat(more: int, state: str) -> None:
    """Goes on "when more than alerts.stale has passed"."""
    limit = timedelta(seconds=120)
    waiting = Waiting(
        1, "s", "f", T0, None, "resolved", True, None, "Down", "", "", "ledger", "g", True, T0, False, None,
        resolved_at=T0, back_at=T0 + limit + timedelta(microseconds=more),
    )  # fmt: skip

    waiting.weigh(stale=limit)

    assert waiting.state == state

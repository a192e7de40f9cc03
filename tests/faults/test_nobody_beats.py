"""Beat dies, or there are too many of everything: timers fire, each once, and the age of the tick is told (F3, F4)."""

import contextlib
import os
import re
import signal
import time
from typing import Any

import pytest

from desk import silence
from incidentdesk.kernel.stamps import moment
from tests.faults.place import Place, at_once
from tests.running import wait_until

pytestmark = pytest.mark.faults

TIMERS = 40
IC_OVERDUE = 4.0  # two protocol minutes of the hurried desk


def told(place: Place, keys: list[str]) -> dict[str, int]:
    """For each incident how many mails said that nobody leads it, told apart by their Message-ID."""
    found: dict[str, list[str]] = {key: [] for key in keys}
    for mail in list(place.mail.mails):
        key = re.search(r"INC-\d{4}-\d{4,}", f"{mail['Subject']} {mail.get_content()}")
        if key and key[0] in found and "IC named: overdue since" in mail.get_content():
            found[key[0]].append(str(mail["Message-ID"]))
    return {key: len(ids) for key, ids in found.items()}


def silence_told(place: Place) -> list[str]:
    """Who was told by mail that beat is silent."""
    return [str(mail["To"]) for mail in list(place.mail.mails) if str(mail["Subject"]) == silence.SUBJECT]


def fired(place: Place, keys: list[str]) -> list[tuple[Any, ...]]:
    """Incident and lateness in seconds of each deadline of that kind which was fired."""
    return place.rows(
        "SELECT i.key, extract(epoch FROM d.fired_at - d.due_at)::float FROM incidents_deadline d"
        " JOIN incidents_incident i ON i.id = d.incident_id"
        " WHERE i.key = ANY(%s) AND d.clock = 'ic' AND d.step = 'overdue' AND d.occurrence = 1 AND d.state = 'fired'",
        keys,
    )


def entries(place: Place, keys: list[str]) -> list[tuple[Any, ...]]:
    """How often each incident's record says so."""
    return place.rows(
        "SELECT i.key, count(*) FROM incidents_timelineentry e JOIN incidents_incident i ON i.id = e.incident_id"
        " WHERE i.key = ANY(%s) AND e.kind = 'clock.step' AND e.payload->>'clock' = 'ic'"
        " AND e.payload->>'step' = 'overdue' GROUP BY i.key",
        keys,
    )


def test_three_beats_and_three_keepers_fire_every_timer_once(hurried: Place) -> None:
    more = [hurried.another("beat"), hurried.another("beat")]
    more += [hurried.another("keeper", KEEPER_GRACE_SECONDS="0.1") for _ in range(2)]

    try:
        wait_until(lambda: heartbeat_pids(hurried, "keeper") - {hurried.running.pid("keeper")}, within=15,
                   what="another keeper to be alive")  # fmt: skip
        keys = at_once(8, lambda _: [hurried.declare(severity=2) for _ in range(TIMERS // 8)])
        keys = [key for some in keys for key in some]
        wait_until(lambda: len(fired(hurried, keys)) == TIMERS, within=15, what="every timer")
        wait_until(lambda: min(told(hurried, keys).values()) > 0, within=15, what="every mail")
        time.sleep(1)
    finally:
        for process in more:
            process.kill()
            process.wait()

    receipts = told(hurried, keys)
    late = sorted(seconds for _, seconds in fired(hurried, keys))
    print(
        f"F4: 3 beats, 3 keepers, 1 worker; {TIMERS} timers, {sum(receipts.values())} receipts; fired "
        f"{late[0]:.2f} to {late[-1]:.2f} s after they were due"
    )
    assert len(set(keys)) == TIMERS
    assert set(receipts.values()) == {1}
    assert dict(entries(hurried, keys)) == dict.fromkeys(keys, 1)
    assert late[0] >= 0
    assert late[-1] <= 10


def test_with_beat_dead_the_keeper_fires_the_timers_and_with_both_dead_the_desk_says_how_old_its_tick_is(
    hurried: Place,
) -> None:
    heard = len(silence_told(hurried))  # keepers of a tenth of a second hear a silence where there is none
    with hurried.without("beat"):
        key = hurried.declare(severity=2)
        wait_until(lambda: fired(hurried, [key]), within=IC_OVERDUE + 10, what="the timer")
        wait_until(lambda: told(hurried, [key])[key], within=15, what="its mail")
        ((_, late),) = fired(hurried, [key])
        silent = ages(hurried)
        wait_until(lambda: silence_told(hurried)[heard:], within=15, what="a mail to the administrator")

        os.kill(hurried.running.pid("keeper"), signal.SIGKILL)
        with contextlib.closing(hurried.browser()) as browser:
            room = f"/incidents/{key}/live/"
            wait_until(lambda: age_told(browser.get(room)) > 2, within=15, what="an old tick in the poll")
            loud = age_told(browser.get(room, params={"after": rev(browser.get(room))}))
        aged = ages(hurried)["tick"]

    print(
        f"F3: beat killed and held down: 1 timer, fired {late:.1f} s after it was due; keeper killed too: tick is {aged:.1f} s old"
    )
    assert late <= 15
    assert told(hurried, [key])[key] == 1
    assert silence_told(hurried)[heard:] == ["ada@desk.test"]
    assert silent["tick"] < 3 < silent["beat"]
    assert loud > 2
    assert aged > 2
    wait_until(lambda: ages(hurried)["tick"] < 2, within=15, what="the tick to go on when beat is back")


def ages(place: Place) -> dict[str, float]:
    """The pulse as an administrator's program reads it: seconds since the last tick and each sign of life."""
    with place.api("Ada") as api:
        pulse = api.get(f"{place.running.url}/ops/pulse").json()
    return {"tick": pulse["tick"]["age"]} | {each["name"]: each["age"] for each in pulse["heartbeats"]}


def age_told(answer: Any) -> float:
    """How old a poll says the last tick is."""
    assert answer.status_code in (200, 204), answer.text
    return (moment(answer.headers["Desk-Now"]) - moment(answer.headers["Desk-Tick"])).total_seconds()


def rev(answer: Any) -> str:
    """The cursor of a poll's answer."""
    return str(answer.headers["Desk-Rev"])


def heartbeat_pids(place: Place, name: str) -> set[int]:
    """Who said last that it is the process of this name."""
    return {int(pid) for (pid,) in place.rows("SELECT pid FROM desk_heartbeat WHERE name = %s", name)}

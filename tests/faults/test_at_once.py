"""Many people press at one instant, through the doors of a desk with several web processes (F20, F21, F23, F24)."""

import contextlib
import re
import threading
from typing import Any

import httpx
import pytest

from tests.faults.happy_path import Path
from tests.faults.place import TAKERS, Place, at_once, sent

pytestmark = pytest.mark.faults


def press(place: Place, who: str, path: str, key: str, body: dict[str, Any]) -> httpx.Response:
    """A write by this person; nothing is expected of it."""
    with place.api(who, timeout=30) as api:
        return api.post(path, json=body, headers={"Idempotency-Key": key})


def test_fifty_resolves_at_once_are_one_resolve_and_forty_nine_learn_who(calm: Place) -> None:
    path = Path(calm, key=calm.declare(severity=3), declared=True)
    path.respond()
    path.act("Sarah", "impact-ends")
    with calm.api() as api:
        seen = api.get(f"/incidents/{path.key}").json()["versions"]["status"]
    items = dict.fromkeys(("errors", "lag", "pool", "queue", "clients"), "ticked")
    body = {"seen_version": seen, "proof": "errors are gone", "items": items}

    answers = at_once(
        50, lambda n: press(calm, "Sarah", f"/incidents/{path.key}/resolutions", f"resolve-{n}", body)
    )

    resolved = [entry for entry in calm.timeline(path.key) if entry["payload"].get("to") == "resolved"]
    codes = [answer.status_code for answer in answers]
    print(
        f"F20: 50 resolves at once; {codes.count(200)} x 200, {codes.count(409)} x 409, {len(resolved)} entry"
    )
    assert (codes.count(200), codes.count(409)) == (1, 49), answers[0].text
    assert len(resolved) == 1
    losers = [answer.json()["error"] for answer in answers if answer.status_code == 409]
    assert all(error["sentence"].startswith("Sarah resolved it at ") for error in losers)
    notices = calm.rows(
        "SELECT count(*) FROM comms_message m JOIN incidents_incident i ON i.id = m.incident_id"
        " WHERE i.key = %s AND m.dedupe_key LIKE 'resolved:%%' GROUP BY m.dest",
        path.key,
    )
    assert set(notices) == {(1,)}


def test_twenty_people_take_command_at_once_and_one_has_it_round_after_round(calm: Place) -> None:
    rounds = 4
    for turn in range(rounds):
        key = calm.declare(severity=2)

        answers = at_once(
            TAKERS,
            lambda n: press(calm, f"Taker {n}", f"/incidents/{key}/seats", f"take-{turn}", {"role": "ic"}),  # noqa: B023
        )

        won = [n for n, answer in enumerate(answers) if answer.status_code == 200]
        lost = [answer.json()["error"] for answer in answers if answer.status_code != 200]
        assert len(won) == 1
        assert all(f"Taker {won[0]}" in error["sentence"] for error in lost), lost
    held = calm.rows(
        "SELECT s.incident_id, count(*) FROM incidents_seat s WHERE s.role = 'ic' AND s.ended_at IS NULL"
        " GROUP BY 1 HAVING count(*) > 1"
    )
    print(f"F21: {rounds} rounds of {TAKERS} people at once; 1 holder each, {len(held)} overlaps")
    assert held == []


def test_polls_never_go_back_and_bring_every_entry_once_in_order_however_many_write(calm: Place) -> None:
    key = calm.declare()
    stop, seen, wrong = threading.Event(), [], []

    def poll(number: int) -> None:
        after, rows = "0", []
        with contextlib.closing(calm.browser(f"Taker {number}")) as browser:
            while True:
                last = stop.is_set()  # asked before the poll: whatever was written by then must be in it
                answer = browser.get(f"/incidents/{key}/live/", params={"after": after})
                if answer.status_code == 200:
                    told = answer.headers["Desk-Rev"]
                    if int(told) < int(after):
                        wrong.append((after, told))
                    rows += re.findall(r'id="e-(\d+)"', answer.text)
                    after = told
                if last:
                    break
        seen.append([int(row) for row in rows])

    def write(number: int) -> None:
        with calm.api(f"Taker {number}") as api:
            for turn in range(30):
                sent(api, f"/incidents/{key}/entries", {"kind": "note", "text": f"line {number}.{turn}"})

    pollers = [threading.Thread(target=poll, args=(number,)) for number in range(3)]
    for poller in pollers:
        poller.start()
    at_once(3, write)
    stop.set()
    for poller in pollers:
        poller.join()

    last = calm.timeline(key)[-1]["seq"]
    print(f"F23: {len(seen)} pollers while 90 entries were written; {len(wrong)} steps back")
    assert wrong == []
    assert [sorted(set(rows)) for rows in seen] == [list(range(1, last + 1))] * 3


def test_after_thirty_entries_away_one_poll_brings_all_of_them_in_order(calm: Place) -> None:
    key = calm.declare()
    with contextlib.closing(calm.browser()) as browser:
        was = browser.get(f"/incidents/{key}/live/", params={"after": "0"}).headers["Desk-Rev"]
        with calm.api("Omar") as api:
            missed = [
                sent(api, f"/incidents/{key}/entries", {"kind": "note", "text": f"missed {n}"})["seq"]
                for n in range(30)
            ]

        back = browser.get(f"/incidents/{key}/live/", params={"after": was})

    rows = [int(row) for row in re.findall(r'id="e-(\d+)"', back.text)]
    print(f"F24: 30 entries while away; {len(set(rows) & set(missed))} brought by one poll")
    assert sorted(rows) == missed
    assert rows in (missed, missed[::-1])
    assert all(f"missed {n}" in back.text for n in range(30))

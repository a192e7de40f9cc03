"""Fifty groups in a second wake one person with one mail at once and one after it, each incident with its own chain (N9)."""

import time
from datetime import UTC, datetime
from itertools import pairwise

import httpx
import pytest

from tests.faults.place import Place
from tests.oncall.makers import alert
from tests.running import wait_until

pytestmark = pytest.mark.faults
GROUPS = 50
EVERY = 6.0  # PAGE_SECONDS of the watched desk


def test_a_storm_of_fifty_groups_in_a_second_is_two_mails_and_the_first_comes_at_once(watched: Place) -> None:
    headers = {"Authorization": f"Bearer {watched.people['Ada']['token']}"}
    person, began = watched.people["Sarah"]["email"], time.monotonic()
    with httpx.Client(base_url=watched.running.url, headers=headers, timeout=10, trust_env=False) as source:
        for number in range(GROUPS):
            told = alert(f"Storm{number}", since=datetime.now(UTC))
            body = {"version": "4", "groupKey": f"storm-{number}", "status": "firing", "alerts": [told]}
            assert source.post("/hooks/alertmanager/", json=body).status_code == 202
    sent = time.monotonic() - began
    wait_until(lambda: watched.is_quiet() and watched.rows("SELECT count(*) FROM oncall_page")[0][0] == GROUPS,
               within=30, what="all pages to leave")  # fmt: skip

    at = [when - began for to, when in zip(watched.mail.rcpt, watched.mail.at, strict=True) if to == person]
    texts = [mail.get_content() for mail in watched.mail.mails if mail["To"] == person]
    keys = {key for (key,) in watched.rows("SELECT key FROM incidents_incident")}
    print(f"N9: {GROUPS} groups in {sent:.1f} s: {len(at)} mails to one person at "
          f"{', '.join(f'{when:.1f} s' for when in at)}")  # fmt: skip
    assert len(keys) == GROUPS and all(any(key in text for text in texts) for key in keys)
    assert len(at) <= 2 and at[0] <= 10
    assert all(later - earlier >= EVERY for earlier, later in pairwise(at))
    clocks = watched.rows("SELECT count(DISTINCT incident_id) FROM incidents_deadline WHERE clock = 'chain'")
    assert clocks[0][0] == GROUPS

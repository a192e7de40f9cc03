"""The worker is killed while its messages are on their way: they go out again under the same ids, within the lease (F2)."""

import os
import signal
import time
from collections import Counter

import pytest

from tests.faults.happy_path import in_an_hour
from tests.faults.place import Place, sent
from tests.running import wait_until

pytestmark = pytest.mark.faults

LEASE = 5.0  # SHORT's LEASE_SECONDS


def test_messages_cut_off_in_flight_go_out_again_with_their_ids_within_the_lease(calm: Place) -> None:
    key = calm.declare(severity=3)
    texts = {"audiences": ["clients", "executives"], "impact": "Writes fail", "next_at": in_an_hour()}
    with calm.api() as api:
        sent(api, f"/incidents/{key}/scope", {"services": ["ledger"], "clients": ["kestrel-bank"]})
    wait_until(calm.is_quiet, within=10, what="all that was said before to be sent")
    mails, hooks = len(calm.mail.mails), len(calm.hooks.receipts)

    with calm.unanswered():
        with calm.api() as api:
            sent(api, f"/incidents/{key}/updates", texts)
        wait_until(
            lambda: len(calm.hooks.receipts) > hooks and len(calm.mail.mails) > mails,
            within=10,
            what="webhook and mail to be on their way",
        )
        os.killpg(calm.running.pid("worker"), signal.SIGKILL)
        struck = time.monotonic()
        cut_off = {mail["Message-ID"] for mail in calm.mail.mails[mails:]}
    leased = states(calm, key).count("leased")
    wait_until(lambda: set(states(calm, key)) == {"sent"}, within=15, what="every message to be sent")
    took = time.monotonic() - struck

    new_hooks = calm.hooks.receipts[hooks:]
    ids = {receipt.headers["webhook-id"] for receipt in new_hooks}
    new_mails = Counter(mail["Message-ID"] for mail in calm.mail.mails[mails:])
    print(
        f"F2: 1 kill of the worker with {1 + len(cut_off)} messages in flight; sent again within {took:.1f} s: "
        f"{len(new_hooks)} webhook receipts with {len(ids)} webhook-id, {new_mails.total()} mails of {len(new_mails)}"
    )
    assert leased >= 1 + len(cut_off)
    assert (len(new_hooks), len(ids)) == (2, 1)
    assert {new_mails[each] for each in cut_off} == {2}
    assert took <= LEASE + 5
    calm.verified(since=hooks)


def states(place: Place, key: str) -> list[str]:
    """How every message of the update stands."""
    with place.api() as api:
        updates = api.get(f"/incidents/{key}/updates").json()["updates"]
    return [each["state"] for update in updates for text in update["texts"] for each in text["deliveries"]]

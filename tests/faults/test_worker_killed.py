"""The worker is killed while its messages are on their way: they go out again under the same ids, within the lease (F2)."""

import os
import signal
import time

import pytest

from tests.faults.happy_path import in_an_hour
from tests.faults.place import Place, sent
from tests.running import wait_until

pytestmark = pytest.mark.faults

LEASE = 5.0  # SHORT's LEASE_SECONDS


def test_messages_cut_off_in_flight_go_out_again_with_their_ids_within_the_lease(calm: Place) -> None:
    key = calm.declare(severity=3)
    mails, hooks = len(calm.mail.mails), len(calm.hooks.receipts)
    calm.mail.takes = 1.5
    texts = {"audiences": ["clients", "executives"], "impact": "Writes fail", "next_at": in_an_hour()}

    try:
        with calm.api() as api:
            sent(api, f"/incidents/{key}/scope", {"services": ["ledger"], "clients": ["kestrel-bank"]})
            sent(api, f"/incidents/{key}/updates", texts)
        wait_until(
            lambda: len(calm.hooks.receipts) > hooks and len(calm.mail.mails) > mails,
            within=10,
            what="webhook and mail to be on their way",
        )
        leased = states(calm, key)
        os.killpg(calm.running.pid("worker"), signal.SIGKILL)
        struck = time.monotonic()
    finally:
        calm.mail.takes = 0.0
    wait_until(lambda: set(states(calm, key)) == {"sent"}, within=15, what="every message to be sent")
    took = time.monotonic() - struck

    new_hooks, new_mails = calm.hooks.receipts[hooks:], calm.mail.mails[mails:]
    ids = {receipt.headers["webhook-id"] for receipt in new_hooks}
    to_client = [mail for mail in new_mails if mail["To"] == "ops@kestrel.test"]
    print(
        f"F2: 1 kill of the worker with {leased.count('leased')} of {len(leased)} messages in flight; sent again within "
        f"{took:.1f} s: {len(new_hooks)} webhook receipts with {len(ids)} webhook-id, {len(new_mails)} mails"
    )
    assert "leased" in leased
    assert (len(new_hooks), len(ids)) == (2, 1)
    assert len(to_client) <= 2
    assert len({mail["Message-ID"] for mail in to_client}) == 1
    assert took <= LEASE + 5
    calm.verified()


def states(place: Place, key: str) -> list[str]:
    """How every message of the update stands."""
    with place.api() as api:
        updates = api.get(f"/incidents/{key}/updates").json()["updates"]
    return [each["state"] for update in updates for text in update["texts"] for each in text["deliveries"]]

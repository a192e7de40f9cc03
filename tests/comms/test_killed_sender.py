"""A process that is killed while a message is on its way loses nothing, and the receiver can tell the repeat (F2)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from comms.models import Message
from tests.comms.makers import hook, put, state
from tests.comms.receivers import HttpReceiver, http_receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DELIVER = """
import django; django.setup()
from comms import delivery
from incidentdesk.kernel import clock
delivery.deliver(clock.now)
"""


def sender(receiver: HttpReceiver) -> "subprocess.Popen[bytes]":
    own = {
        "DJANGO_SETTINGS_MODULE": "incidentdesk.settings",
        "DESK_PROCESS": "command",
        "LEASE_SECONDS": "3",
        "WEBHOOK_SECRET": SECRET,
        "OUTBOUND_ALLOW": receiver.place,
    }
    return subprocess.Popen([sys.executable, "-c", DELIVER], env=os.environ | own, start_new_session=True)


def wait_for(what: Callable[[], object], *, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.05)


def test_a_message_whose_sender_was_killed_goes_out_again_with_the_same_id() -> None:
    with http_receiver() as receiver:
        put(hook("a", receiver.url("/slow/2")), now=datetime.now(UTC))
        first = sender(receiver)
        wait_for(lambda: receiver.receipts, seconds=10)
        killed = time.monotonic()

        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        was = state("a")
        second_tries = []
        while state("a") != "sent":
            assert time.monotonic() - killed < 15
            second_tries.append(sender(receiver).wait())

        ids = {receipt.headers["webhook-id"] for receipt in receiver.receipts}
    print(
        f"1 kill, {len(receiver.receipts)} receipts, 0 lost, {time.monotonic() - killed:.1f} s after the kill"
    )
    assert was == "leased"
    assert (len(receiver.receipts), len(ids)) == (2, 1)
    assert set(second_tries) == {0}
    assert Message.objects.get().attempt == 2
    assert all(Webhook(SECRET).verify(one.body, one.headers) for one in receiver.receipts)


def test_an_idle_sender_ends_at_once() -> None:
    with http_receiver() as receiver:
        begun = time.monotonic()

        assert sender(receiver).wait(timeout=10) == 0

    assert time.monotonic() - begun < 8

"""No failure is silent: the pings to a monitor outside stop, and administrators hear of it without Redis (N7).

The intervals are a fifteenth of those of a real desk, where the pings stop within 60 s and the mail comes within 90 s.
"""

import time

import pytest

from desk import auditor
from tests.faults.place import Place
from tests.running import wait_until

pytestmark = pytest.mark.faults

AUDIT = 2.0  # AUDIT_SECONDS of the watched desk


def pings(place: Place) -> list[float]:
    """When the monitor was pinged."""
    return [receipt.at for receipt in list(place.hooks.receipts) if receipt.path == "/ok/monitor"]


def told(place: Place) -> list[str]:
    """Who was told by mail that the desk does not work."""
    return [str(mail["To"]) for mail in list(place.mail.mails) if str(mail["Subject"]) == auditor.SUBJECT]


@pytest.mark.parametrize("dead", [("worker", "beat"), ("valkey",)], ids=["no worker and no beat", "no Redis"])
def test_without_what_rings_the_pings_stop_and_administrators_hear(
    watched: Place, dead: tuple[str, ...]
) -> None:
    wait_until(lambda: len(pings(watched)) > 1, within=20, what="pings of a healthy desk")
    heard = len(told(watched))

    with watched.without(*dead):
        died = time.monotonic()
        wait_until(lambda: told(watched)[heard:], within=10 * AUDIT, what="a mail to the administrator")
        heard_after = time.monotonic() - died
        time.sleep(max(0.0, died + 3 * AUDIT - time.monotonic()))  # nothing tells that no ping comes
        last = pings(watched)[-1] - died
    before = len(pings(watched))
    wait_until(lambda: len(pings(watched)) > before, within=10 * AUDIT, what="pings of a healed desk")

    print(
        f"N7: {' and '.join(dead)} dead: last ping {max(0.0, last):.1f} s after, administrators told after "
        f"{heard_after:.1f} s; a look every {AUDIT:g} s"
    )
    assert last <= 2 * AUDIT
    assert told(watched)[heard:] == ["ada@desk.test"]


def test_with_the_keeper_dead_the_pings_stop(watched: Place) -> None:
    wait_until(lambda: len(pings(watched)) > 1, within=20, what="pings of a healthy desk")

    with watched.without("keeper"):
        died = time.monotonic()
        time.sleep(3 * AUDIT)
        assert not [at for at in pings(watched) if at > died + 1]

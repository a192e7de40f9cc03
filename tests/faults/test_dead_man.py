"""No failure is silent: the pings to a monitor outside stop, and administrators hear of it without Redis (N7).

The intervals are a fifteenth of those of a real desk, where the pings stop within 60 s and the mail comes within 90 s.
"""

import time
from collections.abc import Generator

import pytest

from desk import auditor
from tests.faults.place import Place, place
from tests.running import wait_until

pytestmark = pytest.mark.faults

AUDIT = 2.0


@pytest.fixture(scope="module")
def audited() -> Generator[Place, None, None]:
    with place(AUDIT_SECONDS=str(AUDIT), DEADMAN_PATH="/ok/monitor") as made:
        yield made


def pings(place: Place) -> list[float]:
    """When the monitor was pinged."""
    return [receipt.at for receipt in list(place.hooks.receipts) if receipt.path == "/ok/monitor"]


def told(place: Place) -> list[str]:
    """Who was told by mail that the desk does not work."""
    return [str(mail["To"]) for mail in list(place.mail.mails) if str(mail["Subject"]) == auditor.SUBJECT]


@pytest.mark.parametrize("dead", [("worker", "beat"), ("valkey",)], ids=["no worker and no beat", "no Redis"])
def test_without_what_rings_the_pings_stop_and_administrators_hear(
    audited: Place, dead: tuple[str, ...]
) -> None:
    wait_until(lambda: len(pings(audited)) > 1, within=20, what="pings of a healthy desk")
    heard = len(told(audited))

    with audited.without(*dead):
        died = time.monotonic()
        wait_until(lambda: told(audited)[heard:], within=10 * AUDIT, what="a mail to the administrator")
        heard_after = time.monotonic() - died
        time.sleep(2 * AUDIT)
        last = pings(audited)[-1] - died
    before = len(pings(audited))
    wait_until(lambda: len(pings(audited)) > before, within=10 * AUDIT, what="pings of a healed desk")

    print(
        f"N7: {' and '.join(dead)} dead: last ping {max(0.0, last):.1f} s after, administrators told after "
        f"{heard_after:.1f} s; a look every {AUDIT:g} s"
    )
    assert last <= 2 * AUDIT
    assert told(audited)[heard:] == ["ada@desk.test"]


def test_with_the_keeper_dead_the_pings_stop(audited: Place) -> None:
    wait_until(lambda: len(pings(audited)) > 1, within=20, what="pings of a healthy desk")

    with audited.without("keeper"):
        died = time.monotonic()
        time.sleep(3 * AUDIT)
        assert not [at for at in pings(audited) if at > died + 1]

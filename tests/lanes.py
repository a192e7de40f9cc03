"""`python -m tests.lanes [unit] [browser] [faults]`: the tests in three lanes, each timed; red when any lane is.

Unit and flow tests share the cores. So do two halves of the browser lane, file by file, each with a desk and a Chromium
of its own: a page mostly waits. A server that is being killed wants the machine for itself.
"""

import os
import subprocess
import sys
import time
from typing import Final

from tests import chromium

LANES: Final = {
    "unit": ["-n", "2", "-m", "not browser and not faults"],
    "browser": [
        "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "-m", "browser", "tests/browser", "tests/journeys",
    ],
    "faults": ["-m", "faults"],
}  # fmt: skip
SLOWEST: Final = ["--durations=8", "--durations-min=5"]
BUDGET_SECONDS: Final = {"unit": 240, "browser": 240, "faults": 240}


def run(lane: str) -> tuple[bool, float]:
    """Run one lane; whether it is green, and its seconds. A lane without a test is red: it would prove nothing."""
    began = time.monotonic()
    environment = dict(os.environ)
    if lane == "browser":
        environment["CHROMIUM_PATH"] = chromium.path()
    command = [sys.executable, "-m", "pytest", "-q", *SLOWEST, *LANES[lane]]
    code = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
    return code == 0, time.monotonic() - began


def main(wanted: list[str]) -> int:
    """Run the lanes that are named, or all; 1 when any is red."""
    if unknown := [lane for lane in wanted if lane not in LANES]:
        print(f"There is no lane {unknown[0]!r}; there are {', '.join(LANES)}.", file=sys.stderr)
        return 2
    results = {}
    for lane in wanted or list(LANES):
        print(f"── {lane} ──", flush=True)
        try:
            results[lane] = run(lane)
        except chromium.NoBrowser as error:
            print(error, file=sys.stderr)
            results[lane] = (False, 0.0)
    print()
    for lane, (green, seconds) in results.items():
        late = "" if seconds <= BUDGET_SECONDS[lane] else f"  (over its {BUDGET_SECONDS[lane]} s)"
        print(f"{'passed' if green else 'FAILED'}  {lane:<8} {seconds:6.1f} s{late}")
    return 0 if all(green for green, _ in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

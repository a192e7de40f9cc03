"""`python -m bench.ticker`: one process that calls the shipped tick, and says how long it took. For `bench.timers` alone."""

import json
import os
import statistics
import sys
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "incidentdesk.settings")


def main() -> None:
    """`sweep`: do all that is due, once. `idle N`: the ordinary tick N times with nothing due."""
    import django

    django.setup()
    from comms import doorbell
    from desk import tick
    from incidentdesk.kernel import clock

    if sys.argv[1] == "idle":
        took = []
        for _ in range(int(sys.argv[2])):
            now = clock.now()
            began = time.perf_counter()
            tick.run(now=now, until=now)
            took.append((time.perf_counter() - began) * 1000)
        print(json.dumps({"min": min(took), "median": statistics.median(took)}))
        return
    # As a worker that has ticked before: connected to both servers, the protocol parsed, its statements prepared.
    doorbell.ring()
    for _ in range(7):
        tick.batch(now=clock.now(), limit=5)
    began, cpu = time.perf_counter(), time.process_time()
    done = tick.sweep(now=clock.now())
    print(
        json.dumps({"done": done, "seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu})
    )


if __name__ == "__main__":
    main()

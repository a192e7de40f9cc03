"""Several things done at one instant, each on connections of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connections


def at_once(*works: Callable[[], object]) -> None:
    """Begin all together, wait for all; what one of them raised rises here."""
    gate = Barrier(len(works))

    def one(work: Callable[[], object]) -> None:
        gate.wait()
        try:
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        running = [pool.submit(one, work) for work in works]
    for each in running:
        each.result()

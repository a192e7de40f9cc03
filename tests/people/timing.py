"""Whether two ways take the same time, told apart from a machine that is busy with something else."""

import statistics
import time
from collections.abc import Callable, Mapping


def widest_gap(
    ways: Mapping[str, Callable[[], object]], *, samples: int, rounds: int, within: float
) -> float:
    """How far the medians lie apart, as a share of the smaller: the best of a few rounds of interleaved samples.

    A difference in the work shows in every round, a burst of other work in some; so one calm round is enough.
    """
    gaps = []
    for _ in range(rounds):
        gaps.append(_gap(ways, samples))
        if gaps[-1] < within:
            break
    return min(gaps)


def _gap(ways: Mapping[str, Callable[[], object]], samples: int) -> float:
    took: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(samples):
        order = list(ways)[turn % len(ways) :] + list(ways)[: turn % len(ways)]
        for name in order:
            began = time.perf_counter()
            ways[name]()
            took[name].append(time.perf_counter() - began)
    medians = [statistics.median(values) for values in took.values()]
    return max(medians) / min(medians) - 1

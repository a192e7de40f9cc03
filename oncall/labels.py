"""Which labels tell alerts apart, and how they are written. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

SHOWN: Final = 8
ELSEWHERE: Final = frozenset(
    {"alertname", "severity", "service", "sev"}
)  # shown with every alert in words of our own
Labels = Mapping[str, str]
Told = tuple[tuple[str, str], ...]


def own(labels: Labels) -> Told:
    """The labels of one alert, without those that are shown anyhow, by name."""
    return tuple(sorted((name, value) for name, value in labels.items() if name not in ELSEWHERE))


def apart(alerts: Iterable[tuple[int, str, Labels]]) -> dict[int, Told]:
    """The labels that tell alerts (id, name, labels) of one name apart, by id; of an alert alone, all its own."""
    named: dict[str, list[tuple[int, Labels]]] = defaultdict(list)
    for pk, name, labels in alerts:
        named[name].append((pk, labels))
    return {pk: told for group in named.values() for pk, told in _apart(group)}


def _apart(group: Sequence[tuple[int, Labels]]) -> list[tuple[int, Told]]:
    names = {name for _, labels in group for name in labels}
    same = {name for name in names if len({labels.get(name) for _, labels in group}) == 1}
    differ = len(group) > 1 and same != names
    return [
        (pk, tuple(each for each in own(labels) if not (differ and each[0] in same))) for pk, labels in group
    ]


def words(told: Told) -> str:
    """`pod=orders-0, zone=b`, the first of many, and how many more there are."""
    shown = ", ".join(f"{name}={value}" for name, value in told[:SHOWN])
    return f"{shown}, and {len(told) - SHOWN} more" if len(told) > SHOWN else shown

"""One function per act; the order of consequences stands here and nowhere else."""

from desk.flows import alerts, changes, impact, log, seats, severity, status, texts
from desk.flows.act import ACTS, Answer, Flow
from desk.flows.opening import declare

__all__ = [
    "ACTS",
    "Answer",
    "Flow",
    "alerts",
    "changes",
    "declare",
    "impact",
    "log",
    "seats",
    "severity",
    "status",
    "texts",
]

"""How many connections each process of the web may hold: what is wanted, within what the system lets a process open."""

import resource
from typing import Final

EACH: Final = (
    "GRANIAN_BACKPRESSURE"  # granian's own name: connections of one process; beyond it none is accepted
)
WANTED: Final = 8_192  # of all processes together
OTHER_FILES: Final = 256  # what a process opens beside them: database, logs, libraries
IDLE_SECONDS: Final = 10  # longer than the pause between two polls of a page that is seen


def each(wanted: int, workers: int) -> int:
    """Connections of one process, having raised the limit of open files as far as they ask for and the system allows."""
    share = max(64, wanted // workers)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = share + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return share if soft == resource.RLIM_INFINITY else max(64, min(share, soft - OTHER_FILES))

"""What an earlier run left behind when it was killed: found and ended before the next one starts."""

import fcntl
import os
from pathlib import Path
from typing import TextIO

from incidentdesk.kernel.embedded import child

_WORDS = {"web": "granian", "worker": "celery", "beat": "celery", "keeper": "keeper", "valkey": "valkey.conf"}


class Occupied(Exception):
    """Another supervisor holds this data folder; the text says which."""


def lock(run_dir: Path) -> TextIO:
    """Take the data folder for this process, until the file is closed or the process ends. Raises Occupied."""
    handle = (run_dir / "lock").open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.seek(0)
        who = handle.read().strip() or "unknown"
        handle.close()
        raise Occupied(
            f"A desk is running from {run_dir.parent} already (process {who}). Stop it, or set DATA_DIR."
        ) from None
    handle.truncate(0)
    handle.write(f"{os.getpid()}\n")
    handle.flush()
    return handle


def clear(data_dir: Path) -> list[int]:
    """End every process of this data folder that lost its supervisor; which. Only whoever holds the lock may call it."""
    run_dir = data_dir / "run"
    found = set(child.marked(data_dir))
    for name, word in _WORDS.items():
        note = run_dir / f"{name}.pid"
        text = note.read_text().strip() if note.is_file() else ""
        if text.isdigit() and child.is_alive(int(text)) and word in child.command_line(int(text)):
            found.add(int(text))
        note.unlink(missing_ok=True)
    (run_dir / "desk.env").unlink(missing_ok=True)
    child.end(sorted(found))
    return sorted(found)

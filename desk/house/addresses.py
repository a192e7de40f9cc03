"""Where this desk is found: its port, kept from run to run, and the environment its processes are given."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from incidentdesk.kernel.embedded import child

FIRST_PORT: Final = 8000
LAST_PORT: Final = 8999


class NoPort(Exception):
    """The port that was asked for is taken."""


def choose_port(host: str, asked: str, kept: Path) -> int:
    """PORT when it is set, else the one of the last run, else the next free one, which is kept. Raises NoPort."""
    if asked:
        if not is_free(host, int(asked)):
            raise NoPort(
                f"Port {asked} on {host} is taken. Free it, or leave PORT unset and the next free one is used."
            )
        return int(asked)
    known = kept.read_text().strip() if kept.is_file() else ""
    candidates = ([int(known)] if known.isdigit() else []) + list(range(FIRST_PORT, LAST_PORT + 1))
    for port in candidates:
        if is_free(host, port):
            kept.write_text(f"{port}\n")
            return port
    raise NoPort(f"No port from {FIRST_PORT} to {LAST_PORT} is free on {host}. Set PORT.")


def is_free(host: str, port: int) -> bool:
    """Whether one may listen there just now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def environment(data_dir: Path, given: Mapping[str, str]) -> dict[str, str]:
    """What every process of the house is told: our own environment, `given`, and the mark by which it is found again.
    The owner's address is not among it: no process of the application can change a table."""
    return {
        **{name: value for name, value in os.environ.items() if name != "DATABASE_OWNER_URL"},
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",  # threads of their own arenas cost tens of MiB a process
        "DATA_DIR": str(data_dir),
        child.MARK: str(data_dir),
        **given,
    }


def publish(run_dir: Path, given: Mapping[str, str]) -> None:
    """Leave the addresses for other commands of this data folder, readable by us alone."""
    path = run_dir / "desk.env"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in given.items()))

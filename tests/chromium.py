"""A Chromium for the browser tests: the one that is named, one on PATH, or Debian's; never a silent skip."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS: Final = (
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


class NoBrowser(Exception):
    """There is none and it could not be installed; the text says what to do."""


def path() -> str:
    """Where Chromium is; installs Debian's when we are root there. Raises NoBrowser."""
    named = os.environ.get("CHROMIUM_PATH", "")
    if named:
        if not os.access(named, os.X_OK):
            raise NoBrowser(f"CHROMIUM_PATH is {named!r}, which cannot be run.")
        return named
    return _on_path() or _from_debian()


def flags() -> list[str]:
    """How it is started: quiet on a closed network, and without its sandbox for root, who cannot have one."""
    return [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def _on_path() -> str:
    return next((found for name in NAMES if (found := shutil.which(name))), "")


def _from_debian() -> str:
    if os.geteuid() == 0 and Path("/etc/debian_version").exists():
        print("Installing Chromium for the browser tests ...", flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]
        if subprocess.run(install, env=quiet, capture_output=True, check=False).returncode != 0:
            subprocess.run(["apt-get", "update", "-qq"], env=quiet, capture_output=True, check=False)
            subprocess.run(install, env=quiet, capture_output=True, check=False)
    if found := _on_path():
        return found
    raise NoBrowser("The browser tests need Chromium: apt-get install -y chromium, or set CHROMIUM_PATH.")

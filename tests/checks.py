"""`python -m tests.checks`: everything that can be judged without running the desk; red when any of it is."""

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

BIN: Final = Path(sys.executable).parent
CHECKS: Final = {
    "lint": [BIN / "ruff", "check", "--quiet", "."],
    "format": [BIN / "ruff", "format", "--check", "--quiet", "."],
    "types": [BIN / "mypy"],
    "layers": [BIN / "lint-imports"],
    "templates": [BIN / "djlint", "--lint", "--quiet", "templates"],
    "migrations": [sys.executable, "-W", "ignore", "manage.py", "makemigrations", "--check", "--dry-run"],
    "access": [sys.executable, "-W", "ignore", "manage.py", "check"],
}


def run(name: str, data_dir: str) -> tuple[str, int, str, float]:
    """Run one check: its name, exit code, words and seconds."""
    began = time.monotonic()
    done = subprocess.run(
        [str(part) for part in CHECKS[name]],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DATA_DIR": data_dir},
    )
    return name, done.returncode, done.stdout + done.stderr, time.monotonic() - began


def main() -> int:
    """All checks, two at a time; 1 when any fails, with what it said."""
    with tempfile.TemporaryDirectory(prefix="desk-check-") as data_dir, ThreadPoolExecutor(2) as pool:
        # The longest first, so that the others fit beside it.
        order = sorted(CHECKS, key=lambda name: name != "types")
        results = list(pool.map(lambda name: run(name, data_dir), order))
    for name, code, words, seconds in results:
        print(f"{'passed' if code == 0 else 'FAILED'}  {name:<10} {seconds:5.1f} s")
        if code:
            print(words)
    return 0 if all(code == 0 for _, code, _, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())

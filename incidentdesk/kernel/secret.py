"""The key that signs: made once where nobody gave one, refused where it is weak."""

import os
import secrets
from pathlib import Path
from typing import Final

SHORTEST: Final = 50
FEWEST_DIFFERENT: Final = 12


def kept_in(path: Path) -> str:
    """The key in this file, made at the first call and readable by its owner alone. Safe when two processes start at once."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(64))
        try:
            os.link(fresh, path)  # fails when another process was first; then its key counts
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text().strip()


def is_weak(key: str) -> bool:
    """Whether a key is short, has few different characters, or is the one Django writes into new projects."""
    return len(key) < SHORTEST or len(set(key)) < FEWEST_DIFFERENT or key.startswith("django-insecure")

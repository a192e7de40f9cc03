"""Which names carry secrets: fields of forms, keys of details, words of a statement. Their values are shown nowhere (S18)."""

import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "***"
# `old` and `new` are the two fields of the form that changes one's own password.
_NAMES: Final = re.compile(
    r"pass(word|phrase|wd)?\d*|secret|token|credential|authorization|cookie|csrf|api_?key|private_?key|digest"
)
_WHOLE: Final = frozenset({"old", "new", "again", "pin", "otp", "code"})


def is_secret(name: str) -> bool:
    """Whether the value under this name may be a secret; a name that only looks like one counts too."""
    plain = name.lower()
    return plain in _WHOLE or _NAMES.search(plain) is not None


def masked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with each secret one replaced; empty ones and truth values stay, since they say nothing."""
    return {
        name: MASK if value and not isinstance(value, bool) and is_secret(name) else value
        for name, value in values.items()
    }

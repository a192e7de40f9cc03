"""Typed text as it may be stored: NFC, without what spoofs, breaks PostgreSQL or climbs out of its line (S26, F28, F29)."""

import re
import unicodedata
from typing import Final

from incidentdesk.kernel.errors import Invalid

LINE_LIMIT: Final = 200
TEXT_LIMIT: Final = 8_000

# Embeddings, overrides and isolates can make "exe.txt" read "txt.exe"; the two marks (LRM, RLM) and ALM only in a
# single line, since running text in Arabic or Hebrew needs them.
BIDI_CONTROLS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
LINE_ONLY: Final = frozenset("\u061c\u200b\u200e\u200f\u2060\ufeff")
LINE_BREAKS: Final = re.compile("\r\n|\r|\u0085|\u2028|\u2029|\x0b|\x0c")
MARKS_KEPT: Final = 4
# Canonical ordering of a long run of marks costs the square of its length, so a run is cut before it is normalised.
MARKS_BEFORE_NFC: Final = 16


def clean_line(value: str, *, name: str = "This text", limit: int = LINE_LIMIT) -> str:
    """One line without control or direction characters, its spaces single; `limit` counts code points.

    Raises Invalid with a sentence when it is longer. Cleaning twice changes nothing.
    """
    cleaned = _clean(LINE_BREAKS.sub(" ", value), dropped=BIDI_CONTROLS | LINE_ONLY, kept="\t\n")
    # After the cleaning: what it drops may have stood between two spaces.
    return _capped(re.sub(r"\s+", " ", cleaned).strip(), name, limit)


def clean_text(value: str, *, name: str = "This text", limit: int = TEXT_LIMIT) -> str:
    """Running text: line breaks become \\n, tabs stay, trailing space goes. Raises Invalid when longer than `limit`."""
    lines = _clean(LINE_BREAKS.sub("\n", value), dropped=BIDI_CONTROLS, kept="\n\t").split("\n")
    return _capped("\n".join(line.rstrip() for line in lines).strip("\n"), name, limit)


def header_line(value: str) -> str:
    """A line for a mail header: nothing in it can end the header and begin another (S24). Never refuses, cuts at 240."""
    return _clean(
        re.sub(r"\s+", " ", LINE_BREAKS.sub(" ", value)), dropped=BIDI_CONTROLS | LINE_ONLY, kept=""
    ).strip()[:240]


def _clean(value: str, *, dropped: frozenset[str], kept: str) -> str:
    text = unicodedata.normalize("NFC", _thin_marks(value, MARKS_BEFORE_NFC))
    text = "".join(char for char in text if char in kept or not _unwanted(char, dropped))
    return _thin_marks(text, MARKS_KEPT)


def _unwanted(char: str, dropped: frozenset[str]) -> bool:
    # Cc: C0 and C1 with NUL, which PostgreSQL refuses; Cs: lone surrogates, which no UTF-8 can carry.
    return char in dropped or unicodedata.category(char) in ("Cc", "Cs")


def _thin_marks(text: str, most: int) -> str:
    if text.isascii():
        return text
    kept: list[str] = []
    run = 0
    for char in text:
        run = run + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if run <= most:
            kept.append(char)
    return "".join(kept)


def _capped(text: str, name: str, limit: int) -> str:
    if len(text) > limit:
        raise Invalid(
            f"{name} is {len(text):,} characters long and at most {limit:,} fit. Nothing was saved; shorten it and send it again."
        )
    return text

"""Typed text loses what spoofs or breaks, and nothing else (S26, F28, F29)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidentdesk.kernel.errors import Invalid
from incidentdesk.kernel.text import clean_line, clean_text, header_line


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("user\u202egnp.exe", "usergnp.exe"),
        ("\u2066pay\u2069ments", "payments"),
        ("a\x00b\x07c\x9fd", "abcd"),
        ("half \ud83d smile", "half smile"),
        ("two\nlines\r\nand\ttabs", "two lines and tabs"),
        ("e\u0301clair", "\u00e9clair"),
        ("  padded  ", "padded"),
        ("caf\u00e9 \U0001f468\u200d\U0001f469\u200d\U0001f467 \u0645\u0631\u062d\u0628\u0627", "caf\u00e9 \U0001f468\u200d\U0001f469\u200d\U0001f467 \u0645\u0631\u062d\u0628\u0627"),
    ],
)  # fmt: skip
def test_a_line_keeps_its_words_and_loses_what_spoofs(typed: str, kept: str) -> None:
    assert clean_line(typed) == kept


def test_running_text_keeps_its_lines_and_tabs() -> None:
    assert clean_text("first\r\nsecond \r\n\tthird\x00\n\n") == "first\nsecond\n\tthird"


def test_piled_up_marks_are_cut_to_four() -> None:
    zalgo = "a" + "\u0335" * 5_000 + "b"

    cleaned = clean_text(zalgo)

    assert sum(unicodedata.category(char) == "Mn" for char in cleaned) == 4
    assert cleaned.endswith("b")


def test_a_million_marks_are_cleaned_without_costing_their_square() -> None:
    assert len(clean_text("a" + "\u0316\u0301" * 500_000)) <= 6


def test_too_long_is_refused_with_both_figures() -> None:
    with pytest.raises(Invalid) as refusal:
        clean_line("\U0001f525" * 201, name="The title", limit=200)

    assert "The title is 201 characters long and at most 200 fit" in refusal.value.sentence


def test_length_counts_code_points_not_bytes() -> None:
    assert clean_line("\U0001f525" * 200, limit=200) == "\U0001f525" * 200


def test_nothing_in_a_header_line_starts_another_header() -> None:
    assert header_line("Down\r\nBcc: all@example.com\x0b\u2028X") == "Down Bcc: all@example.com X"


@given(st.text(max_size=300))
def test_cleaning_twice_changes_nothing(typed: str) -> None:
    once = clean_text(typed)

    assert clean_text(once) == once
    assert clean_line(clean_line(typed, limit=1000), limit=1000) == clean_line(typed, limit=1000)


@given(st.text(alphabet=st.characters(codec=None), max_size=200))
def test_whatever_is_typed_can_be_stored(typed: str) -> None:
    cleaned = clean_text(typed)

    assert "\x00" not in cleaned
    cleaned.encode()

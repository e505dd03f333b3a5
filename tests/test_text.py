"""Text that a log wrote: what is shown of it is visible, one line, and bounded in width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from triage.text import clean, clean_lines, json_line

# Bidi marks, embeddings, overrides and isolates; zero width; blanks that pass for printable; tags.
UNSEEN = [
    *range(0x200B, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2060, 0x2070),
    *(0xA0, 0xAD, 0x61C, 0x115F, 0x1160, 0x180E, 0x2800, 0x3164, 0xFEFF, 0xFFA0),
    *range(0xFFF9, 0xFFFC),
    *range(0xE0000, 0xE0080),
]


@pytest.mark.parametrize("code", UNSEEN, ids=lambda code: f"U+{code:04X}")
def test_t2_what_turns_text_round_or_is_not_seen_is_shown(code: int) -> None:
    shown = clean(f"exe.{chr(code)}gpj")
    assert shown.isprintable()
    number = shown.removeprefix("exe.\\").removesuffix("gpj")
    assert number[0] in "xuU"
    assert int(number[1:], 16) == code


def test_t2_a_flood_of_combining_marks_has_an_end() -> None:
    shown = clean("a" + "\u0301" * 1_000 + "b")
    assert shown.startswith("a" + "\u0301" * 4 + "\\u0301")
    assert "\u0301" * 5 not in shown


@given(st.text(max_size=200), st.integers(1, 50))
def test_t2_any_text_is_printable_and_no_longer_than_asked(text: str, limit: int) -> None:
    shown = clean(text)
    assert shown.isprintable()
    assert clean(shown) == shown
    cut = clean(text, limit)
    assert len(cut) <= limit
    assert cell_len(cut) <= 2 * limit
    assert all(row.isprintable() for row in clean_lines(text).split("\n"))


@pytest.mark.parametrize("code", range(256))
def test_t1_a_byte_that_a_terminal_obeys_is_told_by_its_number(code: int) -> None:
    char = chr(code)
    obeyed = code < 0x20 or 0x7F <= code < 0xA0
    for shown in (clean(f"a{char}b"), json_line({"a": f"a{char}b"})):
        assert shown.isprintable()
        assert (char in shown) is not (obeyed or not char.isprintable())

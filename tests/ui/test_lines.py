"""Lines: cleaned when made, wrapped without loss."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from triage.ui.format import cut_middle, fit, shortened, time_pattern
from triage.ui.lines import MAX_TEXT, Line, field, line, paragraphs, wrap


@given(st.text(max_size=300), st.integers(4, 60), st.integers(0, 10))
@settings(max_examples=300, deadline=None)
def test_wrapping_loses_nothing_and_fits(text: str, width: int, indent: int) -> None:
    source = Line(((text, ""), (text, "match")), indent=indent)
    rows = wrap(source, width)
    for row in rows:
        assert sum(cell_len(part) for part, _ in row) <= width
        assert all(part.isprintable() for part, _ in row)
    told = "".join(part for row in rows for part, _ in row)
    assert told.replace(" ", "") == source.text.replace(" ", "")


def test_t1_t3_no_line_holds_what_a_terminal_obeys() -> None:
    hostile = "a\x1b]0;owned\x07\x9b31m\u202eb[/][@click=app.quit]x[/]\n"
    for made in (line(hostile), field("x", hostile), *paragraphs(hostile)):
        assert made.text.isprintable()
        assert "[@click=app.quit]x[/]" in made.text  # markup is text like any other


def test_a_megabyte_is_cut_before_it_is_shown() -> None:
    assert len(line("x" * 1_000_000).text) == MAX_TEXT


def test_continuation_rows_are_indented() -> None:
    rows = wrap(field("command", "one two three four five six"), 22)
    texts = ["".join(part for part, _ in row) for row in rows]
    assert texts[0].startswith("command    one")
    assert all(text.startswith(" " * 11) and text[11] != " " for text in texts[1:])


@given(st.text(max_size=60), st.integers(1, 30))
def test_fit_is_exactly_as_wide_as_asked(text: str, width: int) -> None:
    printable = "".join(char for char in text if char.isprintable())
    assert cell_len(fit(printable, width)) == width


def test_values_are_cut_in_their_middle() -> None:
    assert cut_middle("C:\\Windows\\System32\\cmd.exe", 20) == "C:\\Window…32\\cmd.exe"
    assert cut_middle("short", 20) == "short"


def test_times_say_the_day_only_where_days_differ() -> None:
    day = 86_400 * 10**9
    assert time_pattern([day, day + 1]) == "%H:%M:%S"
    assert time_pattern([day, 2 * day]) == "%m-%d %H:%M:%S"
    assert time_pattern([day, 900 * day]) == "%Y-%m-%d %H:%M"


def test_a_hundred_kilobytes_without_a_blank_are_wrapped_at_once() -> None:
    for text in ("A" * 100_000, "漢" * 50_000):
        began = time.process_time()
        rows = wrap(line(text, indent=4), 60)
        assert time.process_time() - began < 1.0  # it took fourteen seconds, a cut at a time
        assert all(cell_len("".join(part for part, _ in row)) <= 60 for row in rows)
        shown = "".join(part.strip() for row in rows for part, _ in row)
        assert shown == line(text).text


def test_an_endless_value_shows_its_beginning_and_its_length() -> None:
    assert shortened("x" * 1_500) == "x" * 1_500
    assert shortened("x" * 101_500) == "x" * 1_500 + " … 100,000 more characters"

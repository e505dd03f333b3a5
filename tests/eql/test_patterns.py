"""Wildcards and regular expressions: equal to a naive reference, and linear in time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.eql.patterns import regex_test, wildcard_test


def naive(pattern: str, text: str) -> bool:
    """The definition, by exhaustive search."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(naive(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and naive(pattern[1:], text[1:])


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.text("ab*?\n", max_size=6), min_size=1, max_size=4),
    st.text("abAB\n", max_size=8),
    st.booleans(),
)
def test_wildcards_equal_the_definition(patterns: list[str], text: str, insensitive: bool) -> None:
    seen = text.lower() if insensitive else text
    expected = any(naive(pattern, seen) for pattern in patterns)
    assert wildcard_test(patterns, insensitive)(text) is expected


@pytest.mark.parametrize(
    ("pattern", "text", "insensitive", "expected"),
    [
        ("C:\\*\\a.exe", "c:\\Users\\A.EXE", True, True),
        ("*\\?.exe", "C:\\x.exe", False, True),
        ("É*", "éa", True, True),
        ("ΣΑΣ", "σας", True, True),
        ("a.c", "abc", False, False),
        ("[a]*", "a", False, False),
        ("?*", "", False, False),
        ("a*a", "a", False, False),
        ("*ab*ab*", "ab", False, False),
    ],
)
def test_wildcards(pattern: str, text: str, insensitive: bool, expected: bool) -> None:
    assert wildcard_test([pattern], insensitive)(text) is expected


def test_escapes_make_signs_literal() -> None:
    test = wildcard_test(["*Principal=\\*,\\x*"], False, escapes=True)
    assert test("{Principal=*,x}")
    assert not test("{Principal=abc,x}")


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("a+b?c{2,3}", "aacc", True),
        ("a+b?c{2,3}", "aabcccc", False),
        ("(cat|dog)s?", "dogs", True),
        ("cat", "the cat", False),
        (".*x", "line\nx", True),
        ("a+?", "", True),  # a repetition of a repetition: no lazy operator in Lucene
        ("[^a-c]", "d", True),
        ("[^a-c]", "b", False),
        ("[a\\]\\-]+", "]-a", True),
        ("[\\w.]+\\s\\d", "a_b.c 5", True),
        ("^a$", "^a$", True),  # no anchors in Lucene
        ('"a.c"', "a.c", True),
        ('"a.c"', "abc", False),
        ("a@z", "a-anything-z", True),
        ("a#", "a", False),
        ("x()y", "xy", True),
        ("\\.\\*\\\\", ".*\\", True),
        ("*a", "*a", True),
        ("", "", True),
        ("é|ü", "ü", True),
        ("\ud800", "\ud800x", False),
    ],
)
def test_t6_lucene_expressions(pattern: str, text: str, expected: bool) -> None:
    assert regex_test([pattern], insensitive=False)(text) is expected


def test_several_expressions_are_alternatives_and_case_can_be_ignored() -> None:
    test = regex_test(["a|b", "C+"], insensitive=True)
    assert [test(text) for text in ("B", "cc", "ab")] == [True, True, False]


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[", "[a", "a{", "a{x}", "a{9999}", "a||b", "<1-5>", "a&b", '"', "\\", "~a"],
)
def test_t5_t6_what_is_no_expression_is_told(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        regex_test([pattern], insensitive=False)


def seconds(run: Callable[[], object]) -> float:
    best = 1e9
    for _ in range(7):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize(
    "test",
    [
        wildcard_test(["*a*a*a*a*a*a*a*a*b"], True),
        wildcard_test(["*a?a*a?a*a?a*c?b*"], True),
        wildcard_test(["*" + "ab" * 20 + "c*"], True),
        regex_test(["(a+)+b", "(a|aa)+c", "(.*a){10}.*d"], False),
    ],
    ids=["stars", "stars and signs", "long literal", "regular expressions"],
)
def test_t5_time_is_linear_in_the_text(test: Callable[[str], bool]) -> None:
    size = 200_000
    once, more = "ab" * size, "ab" * (4 * size)
    # Four times the text: 4 in linear time, 16 in quadratic; between them, room for noise.
    assert seconds(lambda: test(more)) / seconds(lambda: test(once)) < 12

"""Arguments, domains and community ids, worked out as the standards say."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.sources.derive import arguments, community_id, domain_parts


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("  a\t b ", ["a", "b"]),
        ('"C:\\Program Files\\a.exe" /x', ["C:\\Program Files\\a.exe", "/x"]),
        ('a "" b', ["a", "", "b"]),
        (r'a "b\\" c', ["a", "b\\", "c"]),
        (r"a \"b c", ["a", '"b', "c"]),
        (r"a \\\"b c", ["a", '\\"b', "c"]),
        (r"a \\b", ["a", r"\\b"]),
        (r'a\\\b d"e f"g h', ["a\\\\\\b", "de fg", "h"]),
        ('a "b""c" d', ["a", 'b"c d']),
        ('"open', ["open"]),
    ],
)
def test_a_command_line_is_cut_as_windows_cuts_it(line: str, words: list[str]) -> None:
    assert arguments(line) == words


@given(st.text(alphabet='ab\\" \t', max_size=30))
def test_a_command_line_is_cut_as_one_character_after_the_other(line: str) -> None:
    words: list[str] = []
    word: str | None = None
    quoted, backslashes = False, 0
    rest = list(line)
    while rest:
        char = rest.pop(0)
        if char == "\\":
            backslashes += 1
            continue
        literal = "\\" * (backslashes // 2 if char == '"' else backslashes)
        escaped, backslashes = char == '"' and backslashes % 2 == 1, 0
        if literal or escaped:
            word = (word or "") + literal
        if escaped or (char not in '" \t') or (quoted and char != '"'):
            word = (word or "") + char
        elif char == '"':
            word = word or ""
            if quoted and rest[:1] == ['"']:
                word += rest.pop(0)
            quoted = not quoted
        elif word is not None:
            words.append(word)
            word = None
    if backslashes:
        word = (word or "") + "\\" * backslashes
    assert arguments(line) == words + ([word] if word is not None else [])


def test_cutting_a_command_line_takes_linear_time() -> None:
    began = time.process_time()
    arguments('\\"' * 80_000 + "\\" * 80_000)
    assert time.process_time() - began < 5  # a tenth of a second; a minute where it is quadratic


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("www.example.com", ("example.com", "www", "com")),
        ("example.com", ("example.com", "", "com")),
        ("a.b.example.co.uk", ("example.co.uk", "a.b", "co.uk")),
        ("x.GitHub.IO.", ("x.github.io", "", "github.io")),
        ("localhost", None),
        ("co.uk", None),
        ("10.0.0.1", None),
        ("a..b", None),
        ("", None),
    ],
)
def test_the_registered_domain_of_a_name(name: str, parts: tuple[str, str, str] | None) -> None:
    assert domain_parts(name) == parts


def test_a_community_id_is_that_of_the_standard_and_the_same_both_ways() -> None:
    there = community_id("128.232.110.120", 34855, "66.35.250.204", 80, "tcp")
    back = community_id("66.35.250.204", 80, "128.232.110.120", 34855, "TCP")
    assert there == back == "1:LQU9qZlK+B5F3KDmev6m5PMibrg="


def test_no_community_id_for_what_is_no_flow() -> None:
    assert community_id("192.0.2.1", 1, "2001:db8::1", 2, "tcp") is None
    assert community_id("192.0.2.1", 1, "192.0.2.2", 2, "carrier-pigeon") is None
    assert community_id("192.0.2.1", 70_000, "192.0.2.2", 2, "tcp") is None

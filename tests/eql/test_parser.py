"""The language's form: what parses, what is rejected, where and with which advice."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.eql import EqlError, Query, evaluate, parse, search
from triage.times import SECOND

VALID = [
    "process where true",
    "any where true // the end\n",
    "process /* a\n comment */ where true",
    '"odd category" where true',
    'process where name == "x" and not pid in (1, 2, 3)',
    'process where name not in~ ("A", "b")',
    'process where name like~ "a*" or name regex ("a+", "b?")',
    "process where -pid + 3 * 2 == +1 and 7 % 3 == 1",
    "process where 1.5e3 > .5 and 2. == 2",
    "process where `a b`.`c``d` == 1",
    "process where ?a.b == null and ?`c` != null",
    'process where LENGTH(a) > 3 and startsWith~(a, "x")',
    'process where a == """raw \\ "quotes" here"""',
    'process where not not a == "x"',
    "process where (a and b) == (true)",
    "process where true | head 5 | tail 2",
    "sequence [a where true] [b where true]",
    "sequence by x with maxspan=1h [a where true] by y [b where b] by `z` until [c where c] by w",
    "sequence with maxspan=30 s [a where true] with runs=3 | tail 1",
    "sequence with maxspan=1m ![a where true] [b where true] ![c where true]",
    "sample by host [a where true] [b where true]",
    "sample [a where true] by ?x [b where true] by y",
]

# text, line, column, a part of the message
INVALID = [
    ("", 1, 1, "empty"),
    ("process", 1, 8, "where"),
    ("process where", 1, 14, "expected a value"),
    ("process where a = 1", 1, 17, "did you mean `==`"),
    ("process where\n  a ==", 2, 7, "expected a value"),
    ("process where\n  a == 'x'", 2, 8, "double quotes"),
    ('process where a == ?"x"', 1, 20, "triple double quotes"),
    ('process where a == "x', 1, 20, "not closed"),
    ('process where a == "x\ny"', 1, 20, "not closed"),
    ('process where a == """x', 1, 20, "not closed"),
    ('process where a == "\\q"', 1, 21, "unknown escape"),
    ('process where a == "\\u{110000}"', 1, 21, "Invalid unicode"),
    ('process where a == "\\u{d800}"', 1, 21, "surrogate"),
    ('process where a == "\\u0041"', 1, 21, "\\u{"),
    ("process where `a == 1", 1, 15, "backquote"),
    ("process where `` == 1", 1, 15, "empty"),
    ("`process` where true", 1, 1, 'quoted as "process"'),
    ("process where a == 1 /* open", 1, 22, "not closed"),
    ("process where a == 1 && b == 2", 1, 22, "did you mean `and`"),
    ("process where a == 1 || b == 2", 1, 22, "did you mean `or`"),
    ("process where !a", 1, 15, "did you mean `not`"),
    ("process where a == 1 AND b == 2", 1, 22, "did you mean `and`"),
    ("process where a IN (1)", 1, 17, "did you mean `in`"),
    ("process where a in ~ (1)", 1, 20, "`in~`"),
    ("process where a in ()", 1, 21, "empty"),
    ('process where a not like "x"', 1, 17, "before the field"),
    ("process where a : b", 1, 19, "constant"),
    ("process where a : 5", 1, 19, "needs a string"),
    ("process where a[0] == 1", 1, 16, "array indexes"),
    ("process where event.sequence == 1", 1, 21, "backquotes"),
    ("process where a == b == c", 1, 22, "chained"),
    ("process where (a == 1", 1, 22, "`)`"),
    ("process where a == not b", 1, 20, "expected a value"),
    ("process where child of [process where true]", 1, 15, "relationships"),
    ("process where true | count", 1, 22, "not supported"),
    ("process where true | heda 5", 1, 22, "did you mean [head]"),
    ("process where true | head", 1, 22, "exactly one argument"),
    ("process where true | head -1", 1, 28, "positive integer"),
    ("process where true | head 1.5", 1, 27, "positive integer"),
    ("process where true true", 1, 20, "expected"),
    ("process where 5", 1, 15, "boolean"),
    ('process where "a" and true', 1, 15, "boolean"),
    ("process where length(a)", 1, 15, "boolean"),
    ("process where lenght(a) == 1", 1, 15, "did you mean [length]"),
    ("process where length() == 1", 1, 15, "expects 1 arguments"),
    ("process where length(a, b) == 1", 1, 15, "expects 1 arguments"),
    ("process where length(5) == 1", 1, 22, "must be [string]"),
    ('process where cidrMatch~(a, "10.0.0.0/8")', 1, 15, "without [~]"),
    ('process where a in (1, "x")', 1, 24, "must be [number]"),
    ('process where length(a) in ("x", 1)', 1, 29, "must be [number]"),
    ("process where substring(a, 1.5)", 1, 28, "must be [integer]"),
    ("process where cidrMatch(a, b)", 1, 28, "must be a constant"),
    ('process where "a" + 1 == 2', 1, 15, "must be [number]"),
    ("process where a > 1e999", 1, 19, "out of range"),
    ("join [a where true] [b where true]", 1, 1, "did you mean `sequence`"),
    ("sequence [a where true]", 1, 1, "minimum of 2"),
    ("sequence with maxspan=5m by x [a where true] [b where true]", 1, 26, "before [with]"),
    ("sequence with maxspan=30 [a where true] [b where true]", 1, 23, "did you mean [s]"),
    ("sequence with maxspan=0s [a where true] [b where true]", 1, 23, "positive maxspan"),
    ("sequence with maxspan=1.5h [a where true] [b where true]", 1, 23, "Decimal"),
    ("sequence with maxspan=2sec [a where true] [b where true]", 1, 24, "[ms, s, m, h, d]"),
    ("sequence [a where true] with runs=0 [b where true]", 1, 35, "positive runs"),
    ("sequence [a where true] with runs=101 [b where true]", 1, 35, "more than 100"),
    ("sequence [a where true] with times=2 [b where true]", 1, 30, "expecting [runs]"),
    ("sequence [a where true] by x [b where true]", 1, 30, "expected [1] but found [0]"),
    ("sequence by length(x) [a where true] [b where true]", 1, 13, "must be fields"),
    ("sequence ![a where true] [b where true]", 1, 1, "[maxspan] is required"),
    ("sequence with maxspan=1m ![a where true] ![b where true]", 1, 1, "at least one positive"),
    ("sample [a where true] [b where true]", 1, 1, "join key"),
    ("sample by x with maxspan=1m [a where true] [b where true]", 1, 13, "not supported"),
    ("sample by x [a where true] [b where true] until [c where true]", 1, 43, "not supported"),
    ("sample by x ![a where true] [b where true]", 1, 13, "not supported"),
    ("sample by x" + " [a where true]" * 6, 1, 1, "more than 5"),
]


@pytest.mark.parametrize("text", VALID)
def test_valid(text: str) -> None:
    assert parse(text).text == text


@pytest.mark.parametrize(("text", "line", "column", "part"), INVALID)
def test_invalid_is_told_with_its_place(text: str, line: int, column: int, part: str) -> None:
    with pytest.raises(EqlError) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert part in caught.value.message


def test_the_snippet_points_at_the_place() -> None:
    with pytest.raises(EqlError) as caught:
        parse('process where\n\tname = "cmd.exe"')
    assert caught.value.snippet.splitlines() == [' name = "cmd.exe"', "      ^"]


def test_the_snippet_of_a_long_line_is_short() -> None:
    with pytest.raises(EqlError) as caught:
        parse("process where " + "a == 1 and " * 500 + "b = 2")
    shown, caret = caught.value.snippet.splitlines()
    assert len(shown) <= 140
    assert shown[caret.index("^")] == "="


def test_a_query_tells_its_parts() -> None:
    query = parse(
        "sequence by host.id, ?user.id with maxspan=5m\n"
        '  [process where name == "a"] by x with runs=2\n'
        "  ![any where true] by y\nuntil [file where true] by z | head 3"
    )
    assert (query.kind, query.maxspan) == ("sequence", 300 * SECOND)
    assert [stage.category for stage in query.stages] == ["process", "process", None]
    assert [stage.missing for stage in query.stages] == [False, False, True]
    assert [key.name for key in query.stages[0].keys] == ["host.id", "user.id", "x"]
    assert [key.optional for key in query.stages[0].keys] == [False, True, False]
    assert query.stages[0].text == 'process where name == "a"'
    assert (query.stages[2].line, query.stages[2].column) == (3, 5)
    assert query.until is not None
    assert query.until.category == "file"
    assert [(pipe.name, pipe.count) for pipe in query.pipes] == [("head", 3)]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 4 - 3", 3),
        ("-2 * -3", 6),
        ("not true or true", True),
        ("not (true or true)", False),
        ("true or false and false", True),
        ("not 1 == 2", True),
        ("1 + 1 == 2 and 3 > 2", True),
        ('"a" : "A" == true', True),
        ("100000000000000000000", 1e20),
    ],
)
def test_operators_bind_as_in_the_grammar(expression: str, value: object) -> None:
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    "text",
    [
        "any where " + "(" * 10_000 + "true" + ")" * 10_000,
        "any where " + "not " * 10_000 + "true",
        "any where 1 == " + "-" * 10_000 + "1",
        "any where 1 == " + "1 + " * 10_000 + "1",
        "any where 1 == " + "length(" * 10_000 + "a" + ")" * 10_000,
        'any where a regex "' + "(" * 10_000 + "a" + ")" * 10_000 + '"',
    ],
)
def test_deep_nesting_is_an_error_and_no_crash(text: str) -> None:
    with pytest.raises(EqlError):
        search(text, [])


def test_the_deepest_allowed_nesting_runs() -> None:
    depth = 60
    text = "(not a == 1 and b == 2 or null == " * depth + "b" + ")" * depth
    assert search(f"any where {text}", [{"a": 1, "b": 2}]) == []


def test_long_chains_are_flat() -> None:
    text = "any where " + " or ".join(f"a == {number}" for number in range(5000))
    assert len(search(text, [{"a": 4999}, {"a": 5000}])) == 1


WORDS = [
    *("process", "any", "where", "sequence", "sample", "by", "with", "maxspan", "runs", "="),
    *("5m", "until", "[", "]", "![", "(", ")", ",", ".", "|", "head", "1", "and", "or", "not"),
    *("in", "in~", "like", ":", "regex~", "==", "!=", "<", "null", "true", "a", "b.c", "?d"),
    *("`e`", '"x*"', '"""y"""', "length(", "startsWith~(", "+", "-", "*", "~"),
]


def outcome(text: str) -> EqlError | None:
    """The error of a query over two small events, or None where it ran."""
    try:
        assert isinstance(parse(text), Query)
        search(text, [{"a": 1, "b": {"c": ["x", None]}, "e": "x"}, {}], event_category_field="a")
    except EqlError as error:
        return error
    return None


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join)))
def test_any_text_runs_or_is_an_eql_error(text: str) -> None:
    error = outcome(text)
    assert error is None or (error.line >= 1 and error.column >= 1)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join))
def test_any_condition_runs_or_is_an_eql_error(text: str) -> None:
    error = outcome(f"any where {text}")
    assert error is None or error.snippet

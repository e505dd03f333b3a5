"""What conditions mean: missing fields, arrays, case, types; on small events of our own."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.eql import EqlError, compile_stage, evaluate, explain, parse
from triage.eql.access import reader
from triage.fields import lookup

DOC: dict[str, Any] = {
    "event": {"category": ["process"], "type": ["start", "info"]},
    "process": {
        "name": "PowerShell.exe",
        "pid": 4624,
        "args": ["powershell.exe", "-enc", "SQBFAFgA"],
        "parent": {"name": "cmd.exe"},
    },
    "user.name": "SVC$",
    "winlog": {"event_id": "4624", "elevated": "true"},
    "file": {"size": 10.0, "signed": True},
    "source": {"ip": ["fe80::1", "10.1.2.3"]},
    "labels": {"version": "1.10.0", "built": "2024-02-29T23:59:59.500Z"},
    "empty": [],
    "nothing": None,
}
TYPES = {"labels.version": "version", "labels.built": "date", "source.ip": "ip"}


def holds(condition: str, doc: dict[str, Any] | None = None) -> bool:
    (stage,) = parse(f"any where {condition}").stages
    return compile_stage(stage, field_types=TYPES).matches(DOC if doc is None else doc)


@pytest.mark.parametrize(
    "condition",
    [
        # case and wildcards
        'process.name : "powershell.exe"',
        'process.name : ("x", "power*.EXE")',
        'process.name : "powershell?exe"',
        'process.name like "Power*"',
        'process.name like~ "POWER*"',
        'process.name in~ ("a", "POWERSHELL.EXE")',
        'process.name regex "P[a-z]+S.*"',
        'process.name regex~ "powershell\\\\.exe"',
        # arrays: any element passes, and different tests may use different elements
        'event.type == "start" and event.type == "info"',
        'process.args : "-E*" and process.args : "s*a"',
        'event.type != "end"',
        'not event.type : ("x", "y")',
        "length(process.args) == 4",
        # missing fields: tests are false, their negation true
        'file.path != "x"',
        'not file.path : "*"',
        'not file.path in ("a", "b")',
        "not file.number > 5",
        "file.path == null and empty == null and nothing == null",
        "process.name != null",
        "length(file.path) == null",
        "not length(file.path) == 3",
        'startsWith(file.path, "x") == false',
        "null == (file.number > 5)",
        # dotted and nested names are one
        'user.name == "SVC$" and process.parent.name == "cmd.exe"',
        # values of another kind than the literal's
        "winlog.event_id == 4624 and winlog.event_id > 4000",
        'process.pid == "4624" and process.pid in ("1", "4624")',
        'winlog.event_id in (4624, 4625) and process.pid : "46*"',
        "winlog.elevated == true and winlog.elevated",
        "file.signed and file.signed == true and true == file.signed",
        "file.size == 10 and file.size >= 10 and file.size < 10.5",
        # functions
        'startsWith~(process.name, "power") and endsWith(process.name, ".exe")',
        'stringContains(process.name, "Shell") and stringContains~(process.name, "SHELL")',
        'stringContains(process.name, "Power*exe")',
        "startsWith~(user.name, substring(user.name, 0, -1))",
        'concat(process.name, ":", process.pid) == "PowerShell.exe:4624"',
        'cidrMatch(source.ip, "10.0.0.0/8", "192.168.0.0/16")',
        'cidrMatch(source.ip, "fe80::/10")',
        "process.pid / 1000 == 4 and process.pid % 1000 == 624",
        'indexOf(process.name, "Shell") == 5',
        # mapped types
        'labels.version > "1.9.3" and labels.version < "1.10.1"',
        'labels.version >= "1.10.0-rc.1" and labels.version < "no version"',
        'labels.built == "2024-02-29" and labels.built < "2024-03-01"',
        'labels.built == "2024-02-29T23:59:59Z" and labels.built != "2024-02-29T23:59:58Z"',
        'labels.built > "2024-02-28" and labels.built <= "2024-02"',
        'source.ip == "10.1.2.3" and source.ip == "10.0.0.0/8" and source.ip != "10.1.2.4"',
        'source.ip == "FE80:0::1" and source.ip >= "10.1.0.0"',
        # optional fields
        "?no.such == null and ?no.such == ?other.one",
    ],
)
def test_holds(condition: str) -> None:
    assert holds(condition)


@pytest.mark.parametrize(
    "condition",
    [
        'process.name == "powershell.exe"',
        'process.name in ("powershell.exe", "PowerShell.*")',
        'process.name in~ ("powershell*")',
        'process.name like "power*"',
        'process.name regex "Power"',
        'event.type != "start"',
        'not event.type == "info"',
        'file.path == "x"',
        "file.number < 5",
        "file.path != null",
        "length(file.path) != 3",
        'stringContains(process.name, "shell")',
        'process.parent.name : "cmd"',
        "file.signed == false",
        "winlog.elevated == false",
        "process.pid == 4624.5",
        'process.pid == "04624"',
        "process.name > 5",
        'labels.version > "1.10.0"',
        'labels.built > "2024-02-29"',
        'source.ip == "10.0.0.0/24"',
        'cidrMatch(process.name, "10.0.0.0/8")',
        "no.such",
        "1 == true",
    ],
)
def test_does_not_hold(condition: str) -> None:
    assert not holds(condition)


def test_category_is_exact_and_any_is_any() -> None:
    (stage,) = parse("process where true").stages
    compiled = compile_stage(stage)
    assert compiled.categories == frozenset({"process"})
    assert compiled.matches({"event": {"category": "process"}})
    assert compiled.matches({"event.category": ["file", "process"]})
    assert not compiled.matches({"event": {"category": "Process"}})
    assert not compiled.matches({})
    (stage,) = parse("any where true").stages
    assert compile_stage(stage).categories is None
    assert compile_stage(stage).matches({})


@pytest.mark.parametrize(
    ("condition", "part"),
    [
        ("a == b", "one side must be constant"),
        ("length(a) > length(b)", "one side must be constant"),
        ('a in ("x", b)', "a list holds constants"),
        ('cidrMatch(a, "10.0.0.0/99")', "no network"),
        ('a regex "(x"', "closing )"),
        ('a regex "~(x)"', "not supported"),
        ('a regex "x{2,1}"', "out of range"),
        ('a regex "[z-a]"', "out of order"),
    ],
)
def test_what_only_compiling_can_reject(condition: str, part: str) -> None:
    (stage,) = parse(f"any where\n  {condition}").stages
    with pytest.raises(EqlError) as caught:
        compile_stage(stage)
    assert caught.value.line == 2
    assert part in caught.value.message


def test_keys_are_all_combinations_of_what_the_event_holds() -> None:
    query = parse("sequence by event.type, ?no.such, process.pid [any where true] [any where true]")
    compiled = compile_stage(query.stages[0])
    assert compiled.keys(DOC) == [("start", None, 4624), ("info", None, 4624)]
    assert compiled.keys({"process": {"pid": 1}}) == []
    assert compiled.fields == {"event.type", "no.such", "process.pid"}
    query = parse("sequence by source.ip [any where true] [any where true]")
    compiled = compile_stage(query.stages[0], field_types=TYPES)
    assert compiled.keys({"source": {"ip": "FE80:0:0::1"}}) == [("fe80::1",)]
    plain = parse("sequence [any where true] [any where true]")
    assert compile_stage(plain.stages[0]).keys({}) == [()]


def test_explain_tells_each_test_and_its_values() -> None:
    (stage,) = parse(
        'process where process.name : ("a.exe", // the tool\n  "power*") and\n'
        '  not (file.path : "x" or event.type == "end") and process.pid == 1'
    ).stages
    tests = explain(stage, DOC)
    assert [(test.text, test.values, test.passed) for test in tests] == [
        ('event.category == "process"', ("process",), True),
        ('process.name : ("a.exe", "power*")', ("PowerShell.exe",), True),
        ('not file.path : "x"', (), True),
        ('not event.type == "end"', ("start", "info"), True),
        ("process.pid == 1", (4624,), False),
    ]
    assert tests[1].fields == ("process.name",)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("missing > 5", None),
        ("not missing > 5", None),
        ("missing > 5 or process.pid == 4624", True),
        ("missing > 5 and process.pid == 1", False),
        ('process.name in ("a", null)', None),
        ('event.type == "info"', True),
        ("length(event.type)", [5, 4]),
        ("substring(process.name, 0, 5)", "Power"),
        ("1 / 0", None),
        ('number("abc")', None),
        ('number("ff", 16)', 255),
        ("string(1.0e20)", "1.0E20"),
        ("string(0.0001)", "1.0E-4"),
        ('concat(12345678.5, "")', "1.23456785E7"),
        ('length("\\u{1F4A9}")', 2),
        ('between("a[b]c[d]", "[", "]", true)', "b]c[d"),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
    ],
)
def test_evaluate_is_three_valued(expression: str, value: object) -> None:
    assert evaluate(expression, DOC) == value


HOSTILE: list[Any] = [
    10**5000,
    -(1 << 70),
    float("nan"),
    float("inf"),
    "\ud800lone",
    "\x00",
    "x" * 1_000_000,
    {"deep": {"er": 1}},
    [[1, [None, {"a": 2}]], "x"],
    [],
    True,
    None,
    0,
    -0.0,
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_no_value_makes_a_test_raise(value: Any) -> None:
    condition = (
        'a == 1 or a > 2 or a < "x" or a : ("*a?b*", "x*y", "q") or a regex "(a+)+b" or a in (1, 2)'
        ' or length(a) > 5 and a + 1 > 2 or a * 1.5 < 3 or cidrMatch(a, "10.0.0.0/8")'
        ' or number(a) == 3 or substring(a, 1, 2) == "x" or concat(a, a) == "z"'
        ' or indexOf(a, "b") == 9 or string(a) : "?*z" or a like~ "É*" or b.version > "1"'
        ' or c.date > "2020" or d.ip == "::1"'
    )
    query = parse(
        f"sequence by a, ?b.version, ?c.date, ?d.ip [any where {condition}] [any where a]"
    )
    types = {"b.version": "version", "c.date": "date", "d.ip": "ip"}
    doc = {"a": value, "b": {"version": value}, "c.date": value, "d": {"ip": value}}
    limit = sys.get_int_max_str_digits()
    for stage in query.stages:
        compiled = compile_stage(stage, field_types=types)
        assert compiled.matches(doc) in (True, False)
        for key in compiled.keys(doc):
            hash(key)
    assert sys.get_int_max_str_digits() == limit


def test_long_arrays_in_one_test_stay_cheap() -> None:
    doc = {"a": ["x"] * 100_000, "b": ["y"] * 100_000}
    assert not holds('concat(a, b) == "no"', doc)


names = st.sampled_from(["a", "b", "c", "a.b", "b.c", "a.b.c", "a.b.c.d"])
docs = st.recursive(
    st.one_of(st.none(), st.integers(0, 3), st.text("xy", max_size=2)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=12,
)


@given(st.dictionaries(names, docs, max_size=4), names)
def test_fast_readers_read_what_lookup_reads(doc: dict[str, Any], name: str) -> None:
    assert reader(name)(doc) == lookup(doc, name)

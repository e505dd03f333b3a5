"""Kibana's exception lists in and out, exactly; and Splunk's filter macro."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.events import write_rule
from tests.test_exceptions import META, NOW, item, items
from triage.cli import main
from triage.errors import TriageError
from triage.exceptions import (
    Entry,
    Item,
    append_items,
    item_matches,
    kibana_lines,
    load_exceptions,
    read_kibana,
    splunk_macro,
    write_values,
)

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
field_names = st.sampled_from(["process.name", "source.ip", "host.ip", "ä.b"])
operators = st.sampled_from(["included", "excluded"])
addresses = st.sampled_from(["10.0.0.0/8", "10.0.0.1", "::1/128", "no"])
stamps = st.sampled_from(
    ["2024-01-31T10:00:00.000Z", "2023-05-01T00:00:00Z", "2025-12-31T23:59:59.999+02:00"]
)
some_json: Any = st.recursive(
    st.booleans() | st.integers(-9, 9) | text, lambda inner: st.lists(inner, max_size=2)
)


def entry(kinds: tuple[str, ...]) -> Any:
    values = text | addresses
    parts: dict[str, dict[str, Any]] = {
        "match": {"value": values},
        "match_any": {"value": st.lists(values, min_size=1, max_size=3)},
        "wildcard": {"value": text},
        "exists": {},
        "list": {
            "list": st.fixed_dictionaries(
                {"id": st.just("l.txt"), "type": st.sampled_from(["keyword", "text"])}
            )
        },
    }
    return st.one_of(
        *(
            st.fixed_dictionaries(
                {"field": field_names, "operator": operators, "type": st.just(kind), **parts[kind]}
            )
            for kind in kinds
        )
    )


nested = st.fixed_dictionaries(
    {
        "field": field_names,
        "type": st.just("nested"),
        "entries": st.lists(entry(("match", "match_any", "exists")), min_size=1, max_size=2),
    }
)
comments = st.fixed_dictionaries(
    {"comment": text, "created_at": stamps, "created_by": text, "id": text},
    optional={"updated_at": stamps},
)
kibana_items: Any = st.fixed_dictionaries(
    {
        "id": text, "item_id": text, "list_id": st.just("the-list"), "type": st.just("simple"),
        "name": text, "description": text | st.just(""), "namespace_type": st.just("single"),
        "entries": st.lists(
            entry(("match", "match_any", "wildcard", "exists", "list")) | nested,
            min_size=1, max_size=3,
        ),
        "comments": st.lists(comments, max_size=2), "tie_breaker_id": text, "created_at": stamps,
        "created_by": text, "updated_at": stamps, "updated_by": text,
    },
    optional={
        "os_types": st.lists(st.sampled_from(["windows", "linux"]), max_size=2),
        "tags": st.lists(text, max_size=2), "meta": st.dictionaries(text, some_json, max_size=2),
        "expire_time": stamps, "_version": text,
    },
)  # fmt: skip
containers = st.fixed_dictionaries(
    {
        "created_at": stamps, "created_by": text, "description": text, "id": text,
        "immutable": st.just(False), "list_id": st.just("the-list"), "name": text,
        "namespace_type": st.just("single"), "os_types": st.just([]),
        "tags": st.lists(text, max_size=2), "tie_breaker_id": text, "updated_at": stamps,
        "type": st.sampled_from(["detection", "rule_default", "endpoint"]), "updated_by": text,
        "version": st.integers(1, 9),
    },
    optional={"_version": text},
)  # fmt: skip


def details(lists: int, count: int) -> dict[str, Any]:
    return {
        "exported_exception_list_count": lists, "exported_exception_list_item_count": count,
        "missing_exception_list_item_count": 0, "missing_exception_list_items": [],
        "missing_exception_lists": [], "missing_exception_lists_count": 0,
    }  # fmt: skip


def ndjson(documents: list[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in documents).encode()


def exported(folder: Path) -> list[dict[str, Any]]:
    told: list[str] = []
    lines = list(kibana_lines(load_exceptions(folder).lists, NOW, told.append))
    assert not [one for one in told if "left out" in one]
    return lines


@given(containers, st.lists(kibana_items, max_size=3, unique_by=lambda one: one["item_id"]))
@settings(max_examples=80, deadline=None)
def test_what_kibana_exported_is_exported_again_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, container: dict[str, Any], docs: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("lists")
    write_values(folder, "l.txt", "keyword", ["a"])
    given_ = [container, *docs, details(1, len(docs))]
    found = read_kibana("x", ndjson(given_), NOW)
    assert not found.problems
    (one,) = found.lists
    if not docs:
        assert list(kibana_lines([one], NOW, print)) == given_
        return
    append_items(folder / "list.toml", one, one.items)
    assert exported(folder) == given_


@given(st.lists(items, min_size=1, max_size=3, unique_by=lambda each: each.item_id))
@settings(max_examples=40, deadline=None)
def test_our_own_items_come_back_from_an_export(
    tmp_path_factory: pytest.TempPathFactory, wanted: list[Item]
) -> None:
    folder = tmp_path_factory.mktemp("lists")
    able = [
        each
        for each in wanted
        if not any(
            (one.type == "nested" and one.operator == "excluded") or one.type == "cidr"
            for one in each.entries
        )
    ]
    if not able:
        return
    append_items(folder / "list.toml", META, able)
    again = read_kibana("x", ndjson(exported(folder)), NOW)
    assert not again.problems
    for before, after in zip(able, again.lists[0].items, strict=True):
        for name in ("item_id", "name", "entries", "comment", "rules", "tags", "expire_time"):
            assert getattr(after, name) == getattr(before, name), name


LIST = {
    "_version": "WzE=", "created_at": "2024-01-31T10:00:00.000Z", "created_by": "elastic",
    "description": "Ours", "id": "1", "immutable": False, "list_id": "ours", "name": "Ours",
    "namespace_type": "single", "os_types": [], "tags": [], "tie_breaker_id": "2",
    "type": "detection", "updated_at": "2024-01-31T10:00:00.000Z", "updated_by": "elastic",
    "version": 1,
}  # fmt: skip
ITEM = {
    "_version": "WzI=",
    "comments": [{"comment": "CHG-1", "created_at": "2024-02-01T08:00:00.000Z",
                  "created_by": "ana", "id": "9"}],
    "created_at": "2024-02-01T08:00:00.000Z", "created_by": "ana", "description": "backup",
    "entries": [
        {"field": "source.ip", "operator": "included", "type": "match", "value": "10.0.0.0/8"},
        {"field": "event.code", "operator": "included", "type": "match_any", "value": ["1", "3"]},
    ],
    "expire_time": "2030-01-01T00:00:00.000Z", "id": "3", "item_id": "backup",
    "list_id": "ours", "name": "Backup", "namespace_type": "single", "os_types": ["windows"],
    "tags": ["a"], "tie_breaker_id": "4", "type": "simple",
    "updated_at": "2024-02-01T08:00:00.000Z", "updated_by": "ana",
}  # fmt: skip


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["exceptions", *map(str, arguments)])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_the_commands_take_over_and_give_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = write_rule(tmp_path / "rules" / "beacon.toml")
    source = tmp_path / "lists.ndjson"
    source.write_bytes(ndjson([LIST, ITEM, details(1, 1)]))
    folder = tmp_path / "exceptions"
    options = ("--exceptions", folder, "--rules", rule, "--no-bundled-rules")
    code, _, err = run(capsys, "import", source, *options)
    assert code == 2
    assert "no rule names it; say with --rule" in err
    assert not folder.exists()

    code, _, err = run(capsys, "import", source, *options, "--rule", "id-beacon")
    assert code == 0, err
    assert "1 new" in err
    (one,) = load_exceptions(folder).lists[0].items
    assert one.rules == ("id-beacon",)
    assert one.comment == "CHG-1"
    assert item_matches(one, {"source.ip": "10.9.9.9", "event.code": 3, "host.os.type": "windows"})
    code, out, _ = run(capsys, "export", *options)
    wanted = (json.dumps(one, separators=(",", ":"), sort_keys=True) for one in
              (LIST, ITEM, details(1, 1)))  # fmt: skip
    assert out == "".join(f"{one}\n" for one in wanted)

    code, _, err = run(capsys, "import", source, *options, "--rule", "id-beacon")
    assert (code, "0 new, 0 changed" in err) == (0, True)
    path = Path(one.path)
    path.write_text(path.read_text().replace("CHG-1", "CHG-2").replace('"Backup"', '"Nightly"'))
    (_, changed, _) = map(json.loads, run(capsys, "export", *options)[1].splitlines())
    assert [one["comment"] for one in changed["comments"]] == ["CHG-2"]
    assert (changed["name"], changed["tags"], changed["id"]) == ("Nightly", ["a"], "3")
    run(capsys, "import", source, *options, "--rule", "id-beacon", "--overwrite")
    assert load_exceptions(folder).lists[0].items[0].name == "Backup"

    code, out, err = run(capsys, "list", *options)
    assert code == 0
    assert "Backup" in out
    assert "Beacon" in out
    assert "1 exceptions in 1 lists" in err
    code, out, _ = run(capsys, "list", *options, "--format", "json")
    assert json.loads(out)["rules"] == ["id-beacon"]


def test_rules_in_the_file_say_whose_a_list_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = {"rule_id": "r7", "name": "R", "exceptions_list": [{"list_id": "ours", "id": "1"}]}
    source = tmp_path / "rules.ndjson"
    source.write_bytes(ndjson([rule, LIST, ITEM, details(1, 1)]))
    code, _, _ = run(capsys, "import", source, "--exceptions", tmp_path / "e")
    assert code == 0
    assert load_exceptions(tmp_path / "e").lists[0].items[0].rules == ("r7",)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"entries": []}, "must not be empty"),
        ({"entries": [{"field": "a", "type": "regex", "value": "x"}]}, "unknown type 'regex'"),
        ({"entries": [{"field": "a", "type": "match", "value": ""}]}, "not empty"),
        ({"entries": [{"field": "a", "type": "list", "list": {"id": "l", "type": "geo_point"}}]},
         "'geo_point'"),
        ({"list_id": "other"}, "'other' is not in the file"),
        ({"expire_time": "soon"}, "expire_time is no time"),
        ({"type": "nonsense"}, "unknown type"),
    ],
)  # fmt: skip
def test_what_can_not_be_used_is_told_with_its_line_and_the_rest_is_taken(
    change: dict[str, Any], says: str
) -> None:
    bad = {**ITEM, "item_id": "bad", **change}
    found = read_kibana("f.ndjson", ndjson([LIST, bad, ITEM]) + b"not json\n[]\n", NOW)
    assert [one.item_id for one in found.lists[0].items] == ["backup"]
    problem = next(one for one in found.problems if one.line == 2)
    assert says in problem.message
    assert {one.line for one in found.problems} == {2, 4, 5}


def test_value_lists_go_in_and_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "nets.txt"
    source.write_text("10.0.0.0/8\n192.0.2.1-192.0.2.9\n")
    options = ("--exceptions", tmp_path / "e")
    assert run(capsys, "import", source, *options, "--value-list", "ip_range")[0] == 0
    code, out, _ = run(capsys, "export", *options, "--value-list", "nets.txt")
    assert (code, out) == (0, source.read_text())
    source.write_text("10.0.0.0/8\nhello\n")
    code, _, err = run(capsys, "import", source, *options, "--value-list", "ip_range")
    assert (code, "hello" in err) == (2, True)
    code, _, err = run(capsys, "export", *options, "no-list")
    assert (code, "there is no list 'no-list'" in err) == (2, True)


# Splunk -------------------------------------------------------------------------------------------


def test_a_macro_keeps_what_no_exception_is_true_of() -> None:
    assert splunk_macro([]) == "search *"
    found = splunk_macro(
        [
            item(
                Entry("process.executable", "match", ('C:\\Tools\\"a".exe',)),
                Entry("user.name", "match_any", ("a", "b"), "excluded"),
                Entry("destination.ip", "cidr", ("10.0.0.0/8", "::1")),
            ),
            item(Entry("process.command_line", "wildcard", ("*\\a?b.[x]*",))),
        ]
    )
    assert found == (
        'where if((if(process_path="C:\\\\Tools\\\\\\"a\\".exe", 1, 0)=1'
        ' AND (if(user IN ("a", "b"), 1, 0)=0)'
        ' AND if((cidrmatch("10.0.0.0/8", dest_ip) OR cidrmatch("::1", dest_ip)), 1, 0)=1)'
        ' OR (if(match(process, "(?is)^.*\\x5ca.b\\x2e\\x5bx\\x5d.*$"), 1, 0)=1), 1, 0)=0'
    )


@given(st.text(min_size=1, max_size=30))
def test_no_value_gets_out_of_its_string(value: str) -> None:
    for kind in ("match", "wildcard"):
        body = splunk_macro([item(Entry("x.y", kind, (value,)))])
        assert body.isascii()
        assert body.isprintable()
        assert not set(body) & set("`$") - set("$" if kind == "wildcard" else "")
        strings = re.findall(r'"((?:[^"\\]|\\.)*)"', body)
        assert len(strings) == 1
        assert '"' not in re.sub(r'"(?:[^"\\]|\\.)*"', "", body)
        if kind == "match" and "urldecode" in body:
            assert unquote(strings[0]) == value.encode("utf-8", "replace").decode()


def test_address_ranges_become_networks() -> None:
    listed = ("10.0.0.0-10.0.0.5", "::1")
    entry_ = Entry("source.ip", "list", ("l",), "excluded", (), "ip_range", listed)
    assert splunk_macro([item(entry_)]) == (
        'where if(((isnotnull(src_ip) AND if((cidrmatch("10.0.0.0/30", src_ip)'
        ' OR cidrmatch("10.0.0.4/31", src_ip) OR cidrmatch("::1", src_ip)), 1, 0)=0)), 1, 0)=0'
    )


def test_what_no_macro_can_hold_is_told() -> None:
    long = Entry("a", "list", ("l",), list_type="keyword", listed=tuple(map(str, range(2000))))
    for entry_ in (long, Entry("a` | delete", "exists")):
        with pytest.raises(TriageError):
            splunk_macro([item(entry_)])


def test_the_macro_of_a_rule_is_of_what_is_in_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = write_rule(tmp_path / "rules" / "beacon.toml")
    path = tmp_path / "e" / "beacon.toml"
    given_: tuple[tuple[str, dict[str, Any]], ...] = (
        ("a", {"rules": ("id-beacon",)}), ("b", {"rules": ("other",)}),
        ("c", {"enabled": False}), ("d", {"expire_time": 1}), ("e", {}),
    )  # fmt: skip
    append_items(
        path, META, [Item(name, name, (Entry("host.name", "match", (name,)),), **more)
                     for name, more in given_],
    )  # fmt: skip
    options = ("--exceptions", path.parent, "--rules", rule, "--no-bundled-rules")
    code, out, _ = run(capsys, "export", *options, "--format", "splunk-macro", "Beacon")
    assert code == 0
    assert out.strip() == ('where if((if(dest="a", 1, 0)=1) OR (if(dest="e", 1, 0)=1), 1, 0)=0')
    code, _, err = run(capsys, "export", *options, "--format", "splunk-macro", "nope")
    assert (code, "no rule 'nope'" in err) == (2, True)

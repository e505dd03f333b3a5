"""Exceptions: what they match, what a hand-edited file may hold, and that writing loses nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from triage import times
from triage.errors import TriageError
from triage.exceptions import (
    Entry,
    ExceptionList,
    Item,
    append_item,
    applies_to,
    compile_item,
    file_name,
    item_matches,
    load_exceptions,
    remove_item,
    suggest,
)

META = ExceptionList("installutil", "InstallUtil", "Ours", "rule_default")
NOW = 1_770_000_000 * times.SECOND


@dataclass(frozen=True)
class FakeRule:
    rule_id: str = "r1"
    name: str = "A rule"
    path: str = "rules/a_rule.toml"
    tags: tuple[str, ...] = ("OS: Windows",)
    investigation_fields: tuple[str, ...] = ()


def item(*entries: Entry, **more: Any) -> Item:
    return Item("i1", "An item", entries, **more)


EVENT = {
    "host": {"name": "SRV-1", "os": {"type": "windows"}},
    "process": {
        "executable": "C:\\Tools\\Agent.exe",
        "command_line": "Agent.exe /run 42",
        "args": ["Agent.exe", "/run", "42"],
        "pid": 445,
        "elevated": True,
        "Ext": {
            "code_signature": [
                {"subject_name": "Microsoft", "trusted": False},
                {"subject_name": "Nordwind", "trusted": True},
            ]
        },
    },
    "destination": {"ip": "10.0.4.7", "port": 8443},
    "source.ip": "::ffff:10.0.4.9",
}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (Entry("process.executable", "match", ("C:\\Tools\\Agent.exe",)), True),
        (Entry("process.executable", "match", ("c:\\tools\\agent.exe",)), False),
        (Entry("process.executable.caseless", "match", ("c:\\tools\\agent.exe",)), True),
        (Entry("destination.port", "match", ("8443",)), True),
        (Entry("process.elevated", "match", ("true",)), True),
        (Entry("process.args", "match", ("/run",)), True),
        (Entry("process.args", "match_any", ("/stop", "42")), True),
        (Entry("process.args", "match_any", ("/stop", "43")), False),
        (Entry("process.args", "match", ("/run",), "excluded"), False),
        (Entry("file.path", "match", ("x",), "excluded"), True),
        (Entry("file.path", "match", ("x",)), False),
        (Entry("file.path", "exists"), False),
        (Entry("file.path", "exists", (), "excluded"), True),
        (Entry("process.pid", "exists"), True),
        (Entry("process.command_line", "wildcard", ("agent.EXE /run ??",)), True),
        (Entry("process.command_line", "wildcard", ("agent.EXE /run ?",)), False),
        (Entry("process.command_line", "wildcard", ("*/RUN*",)), True),
        (Entry("process.executable", "wildcard", ("C:\\*\\Agent.exe",)), True),
        (Entry("process.executable", "wildcard", ("c:\\*\\agent.exe",)), False),
        (Entry("process.executable.caseless", "wildcard", ("c:\\*\\agent.exe",)), True),
        (Entry("process.command_line.text", "match", ("agent.EXE /Run",)), True),
        (Entry("process.command_line.text", "match", ("gent.exe",)), False),
        (Entry("process.command_line.text", "match_any", ("42 43", "run 42")), True),
        (Entry("process.command_line.text", "match", ("/",)), False),
        (Entry("process.args", "list", ("l",), list_type="keyword", listed=("42", "x")), True),
        (Entry("process.args", "list", ("l",), list_type="keyword", listed=("/RUN",)), False),
        (Entry("process.args", "list", ("l",), list_type="text", listed=("/RUN",)), True),
        (Entry("process.args", "list", ("l",), "excluded", (), "text", ("/RUN",)), False),
        (Entry("process.args", "list", ("l",), "excluded", (), "text", ("/STOP",)), True),
        (Entry("file.path", "list", ("l",), "excluded", (), "text", ("/STOP",)), False),
        (Entry("destination.ip", "list", ("l",), list_type="ip", listed=("10.0.4.7",)), True),
        (
            Entry("source.ip", "list", ("l",), "included", (), "ip_range", ("10.0.4.8-10.0.4.9",)),
            True,
        ),
        (Entry("process.executable", "wildcard", ("c:\\[tT]ools\\*",)), False),
        (Entry("destination.ip", "cidr", ("10.0.4.0/24",)), True),
        (Entry("destination.ip", "cidr", ("10.0.5.0/24", "10.0.4.7")), True),
        (Entry("destination.ip", "cidr", ("10.0.5.0/24",)), False),
        (Entry("source.ip", "cidr", ("10.0.4.0/24",)), True),
        (Entry("process.executable", "cidr", ("10.0.4.0/24",)), False),
    ],
)
def test_an_entry_means_what_it_means_in_kibana(entry: Entry, expected: bool) -> None:
    assert item_matches(item(entry), EVENT) is expected


def test_all_entries_must_be_true() -> None:
    yes = Entry("host.name", "match", ("SRV-1",))
    no = Entry("host.name", "match", ("SRV-2",))
    assert item_matches(item(yes, yes), EVENT)
    assert not item_matches(item(yes, no), EVENT)


def test_an_item_without_entries_hides_nothing() -> None:
    assert not item_matches(item(), EVENT)
    assert not item_matches(item(os_types=("windows",)), EVENT)


def test_nested_entries_must_be_true_of_the_same_object() -> None:
    def signed_by(name: str) -> Item:
        inner = (Entry("subject_name", "match", (name,)), Entry("trusted", "match", ("true",)))
        return item(Entry("process.Ext.code_signature", "nested", entries=inner))

    assert item_matches(signed_by("Nordwind"), EVENT)
    assert not item_matches(signed_by("Microsoft"), EVENT)
    flat = {
        f"process.Ext.code_signature.{k}": v for k, v in (("subject_name", "X"), ("trusted", True))
    }
    assert item_matches(signed_by("X"), flat)
    assert not item_matches(signed_by("X"), {})


def test_os_types_narrow_an_item() -> None:
    yes = Entry("host.name", "match", ("SRV-1",))
    assert item_matches(item(yes, os_types=("windows", "linux")), EVENT)
    assert not item_matches(item(yes, os_types=("linux",)), EVENT)


def test_scope_is_by_rule_id_or_tag_or_every_rule() -> None:
    rule = FakeRule()
    assert applies_to(item(), rule)
    assert applies_to(item(rules=("r1",)), rule)
    assert not applies_to(item(rules=("r2",)), rule)
    assert applies_to(item(rules=("r2",), tags=("OS: Windows",)), rule)
    assert not applies_to(item(tags=("OS: Linux",)), rule)


def test_t5_hostile_values_take_linear_time_and_no_exception() -> None:
    like = compile_item(item(Entry("x", "wildcard", ("*a" * 40 + "b",))))
    started = time.perf_counter()
    assert not like({"x": "a" * 300_000})
    assert time.perf_counter() - started < 2
    assert not like({"x": "\ud800\x00\n"})
    assert item_matches(item(Entry("x", "wildcard", ("*end",))), {"x": "a\n\ud800end"})
    deep: Any = "v"
    for _ in range(5000):
        deep = [deep]
    assert item_matches(item(Entry("x", "match", ("v",))), {"x": deep})
    nested = item(Entry("x", "nested", entries=(Entry("y", "exists"),)))
    assert not item_matches(nested, {"x": deep})


GOOD = """\
# our exceptions
[list]
list_id = "ours"
name = "Ours"
type = "detection"

[[item]]
item_id = "a"
name = "Backup"
comment = "CHG-1"
rules = ["r1"]
expire_time = 2026-06-30
  [[item.entries]]
  field = "destination.port"
  type = "match"
  value = 443
"""


def load(folder: Path, text: str) -> Any:
    (folder / "list.toml").write_text(text, encoding="utf-8")
    return load_exceptions(folder)


def test_a_hand_written_list_loads(tmp_path: Path) -> None:
    found = load(tmp_path, GOOD)
    assert not found.problems
    (only,) = found.lists
    (entry_item,) = only.items
    assert (only.list_id, only.type, entry_item.line) == ("ours", "detection", 7)
    assert entry_item.expire_time == times.parse("2026-06-30T00:00:00Z")
    assert item_matches(entry_item, {"destination": {"port": 443}})


def test_an_expired_item_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    found = load(tmp_path, GOOD)
    end = times.parse("2026-06-30T00:00:00Z") or 0
    assert len(found.items_for(FakeRule(), end - 1)) == 1
    assert found.items_for(FakeRule(), end) == ()
    assert found.items_for(FakeRule(rule_id="r2"), 0) == ()


@pytest.mark.parametrize(
    ("broken", "line", "says"),
    [
        ('[[item]]\nitem_id = "b"\n', 17, "at least one"),
        (
            '[[item]]\nrules = "r1"\n[[item.entries]]\nfield = "a"\ntype = "exists"\n',
            18,
            "list of texts",
        ),
        ('[[item]]\n[[item.entries]]\nfield = "a"\ntype = "matches"\n', 20, "unknown type"),
        ('[[item]]\n[[item.entries]]\ntype = "exists"\n', 18, "needs a field"),
        ('[[item]]\n[[item.entries]]\nfield = "a"\ntype = "match"\nvalue = ""\n', 21, "not empty"),
        (
            '[[item]]\n[[item.entries]]\nfield = "a"\ntype = "match"\nvalue = ["b"]\n',
            21,
            "match_any",
        ),
        (
            '[[item]]\n[[item.entries]]\nfield = "a"\ntype = "cidr"\nvalue = "10.0"\n',
            21,
            "address range",
        ),
        ('[[item]]\n[[item.entries]]\nfield = "a"\ntype = "list"\n', 18, "list = {"),
        (
            '[[item]]\n[[item.entries]]\nfield = "a"\ntype = "list"\nlist = { id = "no" }\n',
            21,
            "no value list 'no'",
        ),
        (
            '[[item]]\nexpire_time = "soon"\n[[item.entries]]\nfield = "a"\ntype = "exists"\n',
            18,
            "expire_time",
        ),
        (
            '[[item]]\n[[item.entries]]\nfield = "a"\ntype = "exists"\noperator = "not"\n',
            21,
            "unknown operator",
        ),
    ],
)
def test_a_broken_item_hides_nothing_and_the_rest_works(
    tmp_path: Path, broken: str, line: int, says: str
) -> None:
    found = load(tmp_path, GOOD + broken)
    assert [each.item_id for each in found.lists[0].items] == ["a"]
    (problem,) = found.problems
    assert problem.severity == "error"
    assert (problem.line, says in problem.message) == (line, True), problem


def test_a_misspelt_key_is_told(tmp_path: Path) -> None:
    found = load(tmp_path, GOOD.replace("expire_time", "expires"))
    (problem,) = found.problems
    assert (problem.line, problem.severity) == (12, "warning")
    assert "'expires'" in problem.message


def test_a_broken_file_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[list\n")
    (tmp_path / "b.toml").write_bytes(b"\xff")
    os.mkfifo(tmp_path / "c.toml")
    found = load(tmp_path, GOOD)
    assert len(found.lists) == 1
    assert [Path(each.path).name for each in found.problems] == ["a.toml", "b.toml", "c.toml"]


def test_no_folder_means_no_exceptions(tmp_path: Path) -> None:
    assert load_exceptions(tmp_path / "none").lists == ()


def test_a_new_list_is_private_and_complete(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "new.toml"
    wanted = item(Entry("a", "match", ("b",)), comment="why", created_at=NOW, created_by="ana")
    append_item(path, META, wanted)
    assert path.stat().st_mode & 0o077 == 0
    (found,) = load_exceptions(path.parent).lists
    assert (found.list_id, found.description, found.type) == ("installutil", "Ours", "rule_default")
    assert found.items == (wanted,)
    assert [each.name for each in path.parent.iterdir()] == ["new.toml"]


USERS_OWN = [
    GOOD,
    GOOD.rstrip("\n"),
    GOOD.replace("\n", "\r\n"),
    "\ufeff" + GOOD,
    GOOD + "\n# a last word\n\n\n",
    GOOD.replace("[[item]]", "# about the next\n[[item]]  # backup"),
    "",
]


@pytest.mark.parametrize("before", USERS_OWN)
def test_appending_keeps_every_byte_and_removing_gives_them_back(
    tmp_path: Path, before: str
) -> None:
    path = tmp_path / "list.toml"
    content = before.encode()
    path.write_bytes(content)
    added = replace(item(Entry("x", "match", ("1",))), item_id="new")
    append_item(path, META, added)
    after = path.read_bytes()
    assert after.startswith(content)
    if b"\r\n" in content:
        assert after.count(b"\n") == after.count(b"\r\n")
    ids = [each.item_id for each in load_exceptions(tmp_path).lists[0].items]
    assert ids[-1] == "new"
    assert remove_item(path, "new")
    restored = path.read_bytes()
    assert restored.rstrip(b"\r\n") == content.rstrip(b"\r\n")
    if content.endswith(b"\n") or not content:
        assert restored == content
    assert not remove_item(path, "new")


def test_removing_takes_only_that_item(tmp_path: Path) -> None:
    path = tmp_path / "list.toml"
    text = (
        '# top\n[[item]]\nitem_id = "a"\n# inside\n[[item.entries]]\nfield = "x"\ntype = "exists"\n'
        '\n# about b\n[[item]]\nitem_id = "b"\n[[item.entries]]\nfield = "y"\ntype = "exists"\n'
    )
    path.write_text(text)
    assert remove_item(path, "a")
    assert path.read_text() == "# top\n" + text[text.index("\n# about b") :]
    assert [each.item_id for each in load_exceptions(tmp_path).lists[0].items] == ["b"]


def test_a_file_that_can_not_take_the_item_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "list.toml"
    for before in ("[list\n", "item = []\n"):
        path.write_text(before)
        with pytest.raises(TriageError, match=r"list\.toml"):
            append_item(path, META, item(Entry("x", "exists")))
        assert path.read_text() == before
    path.unlink()
    with pytest.raises(TriageError, match="valid text"):
        append_item(path, META, item(Entry("x", "match", ("\ud800",))))
    assert list(tmp_path.iterdir()) == []


def test_a_linked_list_stays_a_link_and_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "list.toml"
    real.write_text(GOOD)
    real.chmod(0o640)
    link = tmp_path / "list.toml"
    link.symlink_to(real)
    append_item(link, META, item(Entry("x", "exists")))
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert len(load_exceptions(tmp_path).lists[0].items) == 2


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
names = texts.filter(lambda text: text == text.strip())
operators = st.sampled_from(["included", "excluded"])
one = st.tuples(texts)
several = st.lists(texts, min_size=1, max_size=3).map(tuple)
simple = st.one_of(
    st.builds(Entry, names, st.sampled_from(["match", "wildcard"]), one, operators),
    st.builds(Entry, names, st.just("match_any"), several, operators),
    st.builds(Entry, names, st.just("exists"), st.just(()), operators),
    st.builds(Entry, names, st.just("cidr"), st.just(("10.0.0.0/8", "::1")), operators),
)
inner = simple.filter(lambda entry: entry.type in ("match", "match_any", "exists"))
nested = st.builds(
    Entry,
    names,
    st.just("nested"),
    st.just(()),
    operators,
    st.lists(inner, min_size=1, max_size=2).map(tuple),
)
instants = st.none() | st.integers(0, 4_000_000_000 * times.SECOND)
items = st.builds(
    Item,
    texts,
    texts,
    st.lists(simple | nested, min_size=1, max_size=3).map(tuple),
    comment=texts,
    rules=several | st.just(()),
    tags=several | st.just(()),
    os_types=several | st.just(()),
    created_at=instants,
    created_by=texts,
    expire_time=instants,
)


@given(st.lists(items, min_size=1, max_size=3, unique_by=lambda each: each.item_id))
@example([item(Entry('a"b\\', "match", ('"""\\\r\n\t\x00\x7f\u202e\ufeff\U0001f600',)))])
@settings(max_examples=60, deadline=None)
def test_whatever_items_hold_they_are_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, wanted: list[Item]
) -> None:
    folder = tmp_path_factory.mktemp("lists")
    path = folder / "list.toml"
    states: list[bytes] = []
    for each in wanted:
        append_item(path, META, each)
        states.append(path.read_bytes())
    found = load_exceptions(folder)
    assert not found.problems
    assert list(found.lists[0].items) == wanted
    for index in range(len(wanted) - 1, 0, -1):
        assert remove_item(path, wanted[index].item_id)
        assert path.read_bytes() == states[index - 1]


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("rules/defense_evasion_x.toml", "X", "defense_evasion_x.toml"),
        ("", "InstallUtil: Netz/Verbindung ä", "installutil-netz-verbindung.toml"),
        ("../../etc/pass wd.toml", "X", "pass-wd.toml"),
        ("", "../..", "rule-.toml"),
        ("CON.toml", "X", "rule-con.toml"),
        ("", "x" * 500, "x" * 100 + ".toml"),
    ],
)
def test_the_file_of_a_rule_is_a_safe_name(path: str, name: str, expected: str) -> None:
    assert file_name(FakeRule(path=path, name=name)) == expected


def start(**process: Any) -> dict[str, Any]:
    return {
        "@timestamp": "2026-03-12T08:00:00Z",
        "event": {"category": ["process"], "code": "1"},
        "host": {"name": "SRV-1"},
        "user": {"name": "svc_backup", "id": "S-1-5-18"},
        "process": {
            "pid": 4711,
            "entity_id": "{0-1}",
            "executable": "C:\\Windows\\System32\\msiexec.exe",
            "parent": {"executable": "C:\\Agent\\agent.exe", "pid": 1},
            **process,
        },
    }


def test_suggestions_go_from_specific_to_general_and_never_to_chance() -> None:
    doc = start(
        hash={"sha256": "ab" * 32, "md5": "cd" * 16},
        command_line="msiexec /i C:\\Users\\ana\\AppData\\Local\\Temp\\7f3a\\kit-2026031.msi /qn",
        code_signature={"subject_name": "Microsoft Windows", "trusted": True},
    )
    doc["destination"] = {"ip": "203.0.113.9", "port": 443}
    found = suggest([doc], FakeRule(investigation_fields=("process.pid", "event.code", "user.id")))
    assert [entry.field for entry in found] == [
        "process.hash.sha256",
        "process.code_signature",
        "process.executable",
        "process.parent.executable",
        "user.name",
        "host.name",
        "destination.ip",
        "destination.port",
        "process.command_line",
    ]
    assert found[-1].values == ("msiexec /i C:\\Users\\*\\AppData\\Local\\Temp\\* /qn",)
    assert item_matches(item(*found), doc)


def test_only_what_all_documents_share_is_suggested() -> None:
    first = start(command_line="agent.exe /nightly /job 1201 /full")
    second = start(command_line="agent.exe /nightly /job 977 /incremental")
    second["host"]["name"] = "SRV-2"
    found = {entry.field: entry for entry in suggest([first, second], FakeRule())}
    assert "host.name" not in found
    assert found["process.command_line"].values == ("agent.exe /nightly /job * /*l",)
    for doc in (first, second):
        assert item_matches(item(*found.values()), doc)


def test_a_signature_nobody_trusts_is_not_suggested() -> None:
    doc = start(code_signature={"subject_name": "Microsoft Windows", "trusted": False})
    assert "process.code_signature" not in [entry.field for entry in suggest([doc], FakeRule())]


def test_no_documents_suggest_nothing() -> None:
    assert suggest([], FakeRule()) == []


@given(texts)
@example("C:\\Temp\\*?.exe 123 {00000000-1111-2222-3333-444444444444}")
def test_a_suggestion_is_always_true_of_its_document(command: str) -> None:
    doc = {"process": {"command_line": command, "executable": command}}
    check: Callable[[Entry], bool] = lambda entry: item_matches(item(entry), doc)  # noqa: E731 - short
    assert all(map(check, suggest([doc, doc], FakeRule())))

"""Lists that change in place, with what the user wrote around; value lists; conflicts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_exceptions import GOOD, META, NOW, item, items
from triage.errors import TriageError
from triage.exceptions import (
    Entry,
    Item,
    append_item,
    append_items,
    change_item,
    conflicts,
    item_matches,
    load_exceptions,
    read_values,
    remove_item,
    restore_item,
    value_lists,
    write_values,
)
from triage.times import SECOND

MINE = """\
# ours
[[item]]   # the backup
item_id = "a"
name = "Backup"            # as the team calls it
# until the migration is over
expire_time = "2026-06-30T00:00:00.000Z"
  [[item.entries]]
  field = "user.name"      # not the admin
  type = "match"
  value = "svc"
  # either of them
  [[item.entries]]
  field = "host.name"
  type = "match_any"
  value = [
    "one",  # old
    "two",
  ]
# about the next
[[item]]
item_id = "b"
[[item.entries]]
field = "x"
type = "exists"
"""


def only(path: Path, item_id: str) -> Item:
    found = load_exceptions(path.parent)
    return next(one for one in found.lists[0].items if one.item_id == item_id)


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_a_change_writes_only_what_differs(tmp_path: Path, ends: str, bom: str) -> None:
    path = tmp_path / "list.toml"
    path.write_bytes((bom + MINE).replace("\n", ends).encode())
    before = only(path, "a")
    change_item(path, "a", replace(before, name="Veeam", expire_time=None, enabled=False))
    text = MINE.replace('"Backup"', '"Veeam"').replace(
        'expire_time = "2026-06-30T00:00:00.000Z"\n', ""
    )
    text = text.replace("# until the migration is over\n", "@")
    wanted = text.replace(
        "calls it\n@", "calls it\nenabled = false\n# until the migration is over\n"
    )
    assert path.read_bytes() == (bom + wanted).replace("\n", ends).encode()
    change_item(path, "a", before)
    assert only(path, "a") == before
    assert b"# until the migration is over" in path.read_bytes()


def test_changed_entries_leave_the_rest_and_keep_the_remarks(tmp_path: Path) -> None:
    path = tmp_path / "list.toml"
    path.write_text(MINE)
    before = only(path, "a")
    change_item(path, "a", replace(before, entries=(Entry("user.name", "match", ("svc2",)),)))
    text = path.read_text()
    assert only(path, "a").entries == (Entry("user.name", "match", ("svc2",)),)
    assert "  # either of them\n" in text
    assert text.startswith(MINE[: MINE.index("  [[item.entries]]")])
    assert text.endswith(MINE[MINE.index("# about the next") :])


def test_an_item_without_an_id_gets_the_one_it_had_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "list.toml"
    path.write_text(MINE.replace('item_id = "a"\n', ""))
    (before, _) = load_exceptions(tmp_path).lists[0].items
    after = replace(before, entries=(Entry("x", "exists"),))
    change_item(path, before.item_id, after)
    assert only(path, before.item_id) == after


def test_what_is_not_written_as_tables_is_left_to_the_user(tmp_path: Path) -> None:
    path = tmp_path / "list.toml"
    text = 'item = [{ item_id = "a", entries = [{ field = "x", type = "exists" }] }]\n'
    path.write_text(text)
    for change in (
        lambda: change_item(path, "a", replace(only(path, "a"), name="new")),
        lambda: remove_item(path, "a"),
        lambda: change_item(path, "none", only(path, "a")),
    ):
        with pytest.raises(TriageError, match=r"list\.toml"):
            change()
        assert path.read_text() == text


@given(st.lists(items, min_size=1, max_size=3, unique_by=lambda each: each.item_id), items)
@settings(max_examples=60, deadline=None)
def test_whatever_an_item_becomes_it_is_read_back_so(
    tmp_path_factory: pytest.TempPathFactory, there: list[Item], other: Item
) -> None:
    path = tmp_path_factory.mktemp("lists") / "list.toml"
    append_items(path, META, there)
    content = path.read_bytes()
    wanted = replace(other, item_id=there[0].item_id)
    before = change_item(path, there[0].item_id, wanted)
    assert before == there[0]
    found = load_exceptions(path.parent)
    assert list(found.lists[0].items) == [wanted, *there[1:]]
    assert change_item(path, before.item_id, before) == wanted
    assert list(load_exceptions(path.parent).lists[0].items) == there
    last = there[-1].item_id
    taken = remove_item(path, last)
    restore_item(path, META, taken)
    assert list(load_exceptions(path.parent).lists[0].items) == there
    assert content  # the order of keys may differ, what is read may not


def test_undoing_the_first_exception_of_a_list_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "list.toml"
    append_item(path, META, item(Entry("x", "exists")))
    append_item(path, META, replace(item(Entry("y", "exists")), item_id="second"))
    assert remove_item(path, "i1")
    assert path.exists()
    assert remove_item(path, "second")
    assert not path.exists()
    path.write_text(GOOD)
    assert remove_item(path, "a")
    assert path.read_text().startswith("# our exceptions\n")  # somebody wrote that


def test_a_disabled_item_stays_and_hides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "list.toml"
    path.write_text(GOOD.replace("[[item]]", "[[item]]\nenabled = false"))
    found = load_exceptions(tmp_path)
    assert not found.lists[0].items[0].enabled
    assert not found.lists[0].items[0].in_force(0)
    path.write_text(GOOD.replace("[[item]]", '[[item]]\nenabled = "no"'))
    assert "true or false" in load_exceptions(tmp_path).problems[0].message


# Value lists --------------------------------------------------------------------------------------


def test_value_lists_are_files_of_lines(tmp_path: Path) -> None:
    write_values(tmp_path, "nets.txt", "ip_range", ["10.0.0.0/8", "192.0.2.1-192.0.2.9", "::1"])
    assert (tmp_path / "values" / "nets.txt").read_text().splitlines()[0] == "10.0.0.0/8"
    entry = Entry("source.ip", "list", ("nets.txt",), list_type="ip_range")
    append_item(tmp_path / "list.toml", META, item(entry))
    found = load_exceptions(tmp_path)
    assert not found.problems
    (one,) = found.lists[0].items
    for address, inside in (
        ("10.255.0.1", True), ("192.0.2.9", True), ("192.0.2.10", False), ("::1", True),
        ("::ffff:10.1.1.1", True), ("no address", False),
    ):  # fmt: skip
        assert item_matches(one, {"source.ip": address}) is inside, address
    path = tmp_path / "values" / "nets.txt"
    path.write_text("# all of ours\n\n192.0.2.0/24\n")
    (one,) = load_exceptions(tmp_path).lists[0].items
    assert not item_matches(one, {"source.ip": "10.255.0.1"})


@pytest.mark.parametrize(
    "list_id", ["../../etc/passwd", ".hidden", "CON", "a/b\\c\x00", "nul.txt", "ä"]
)
def test_no_id_of_a_value_list_leads_out_of_its_folder(tmp_path: Path, list_id: str) -> None:
    write_values(tmp_path, list_id, "keyword", ["x"])
    (path,) = (tmp_path / "values").iterdir()
    assert path.parent == tmp_path / "values"
    assert not path.name.startswith(".")
    assert value_lists(tmp_path) == [list_id]
    assert read_values(tmp_path, list_id) == ("x",)


def test_what_a_value_list_can_not_hold_is_told_and_nothing_written(tmp_path: Path) -> None:
    for kind, value in (("ip", "10.0"), ("keyword", "a\nb"), ("keyword", "# a"), ("text", " ")):
        with pytest.raises(TriageError, match="'v'"):
            write_values(tmp_path, "v", kind, [value])
    assert value_lists(tmp_path) == []


def test_an_item_whose_value_list_is_gone_or_broken_is_not_used(tmp_path: Path) -> None:
    entry = '[[item]]\n[[item.entries]]\nfield = "source.ip"\ntype = "list"\n'
    path = tmp_path / "list.toml"
    path.write_text(entry + 'list = { id = "v", type = "ip" }\noperator = "excluded"\n')
    found = load_exceptions(tmp_path)
    assert found.lists[0].items == ()
    assert "no value list 'v'" in found.problems[0].message
    (tmp_path / "values").mkdir()
    (tmp_path / "values" / "v").write_text("10.0.0.1\nnonsense\n")
    found = load_exceptions(tmp_path)
    assert found.lists[0].items == ()
    assert "nonsense" in found.problems[0].message


# Conflicts ----------------------------------------------------------------------------------------

A = Entry("user.name", "match", ("svc",))
B = Entry("host.name", "match", ("h1",))


def one(*entries: Entry, **more: Any) -> Item:
    return Item("i", "Name", entries, path="/lists/l.toml", line=3, **more)


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (one(A, B), one(A)),
        (one(A, rules=("r1",)), one(A)),
        (one(A, rules=("r1",)), one(A, rules=("r1", "r2"))),
        (one(A, rules=("r1",)), one(A, tags=("t",))),
        (one(A, os_types=("linux",)), one(A, os_types=("linux", "windows"))),
        (one(A), one(Entry("user.name", "match_any", ("x", "svc")))),
        (one(A), one(Entry("user.name", "wildcard", ("s*",)))),
        (one(A), one(Entry("user.name", "exists"))),
        (one(Entry("p", "wildcard", ("*a*b*",))), one(Entry("p", "wildcard", ("*b*",)))),
        (
            one(Entry("ip", "cidr", ("10.0.4.0/24",))),
            one(Entry("ip", "cidr", ("10.0.0.0/16", "10.1.0.0/16"))),
        ),
        (
            one(Entry("u", "match_any", ("a", "b"), "excluded")),
            one(Entry("u", "match", ("a",), "excluded")),
        ),
        (
            one(Entry("u", "match", ("a",))),
            one(Entry("u", "list", ("l",), list_type="keyword", listed=("a", "c"))),
        ),
    ],
)
def test_a_wider_exception_is_told_on_the_one_it_hides(narrow: Item, wide: Item) -> None:
    rules = {"r1": ["t"], "r2": ["t"]}
    assert "hidden by a wider one" in conflicts([narrow, wide], rules, 0)[0][0]
    assert 1 not in conflicts([narrow, wide], rules, 0)
    ended = replace(wide, expire_time=1)
    assert 0 not in conflicts([narrow, ended], rules, 2)
    assert 0 not in conflicts([narrow, replace(wide, enabled=False)], rules, 0)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (one(A), one(B)),
        (one(A, rules=("r1",)), one(A, rules=("r2",))),
        (one(A), one(A, rules=("r1",), os_types=("linux",))),
        (one(A), one(Entry("user.name", "wildcard", ("S*",)))),
        (one(Entry("p", "wildcard", ("a*c",))), one(Entry("p", "wildcard", ("a?c",)))),
        (
            one(Entry("ip", "cidr", ("10.0.0.0/8",))),
            one(Entry("ip", "cidr", ("10.0.4.0/24", "::/0"))),
        ),
        (one(), one(A)),
    ],
)
def test_exceptions_that_only_look_alike_are_no_conflict(first: Item, second: Item) -> None:
    assert 0 not in conflicts([first, second], {"r1": ["t"], "r2": ["t"]}, 0)


def test_duplicates_and_rules_that_are_gone_are_told() -> None:
    found = conflicts(
        [one(A, B), one(B, A), one(A, rules=("gone",), tags=("none",))], {"r1": []}, 0
    )
    assert "the same as “Name” (l.toml:3)" in found[0][0]
    assert found[1]
    assert found[2][:2] == ["no rule gone is loaded", "no loaded rule has the tag 'none'"]
    assert conflicts([one(A, rules=("r",))], {}, NOW + SECOND) == {}

"""What was read of rules is kept for the next start: the same rules, and never anybody else's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from triage import doctor
from triage.engine.match import Matcher
from triage.rules import RuleSet, _kept, cache_fault, load_rules
from triage.run import Config, Engine, hunt
from triage.sources import Follower

RULE = """\
[rule]
name = "Rule {n}"
rule_id = "{n}"
type = "eql"
severity = "low"
risk_score = 21
query = '''
{query}
'''
{more}
"""
QUERIES = {
    "good": ('process where process.name : ("a*.exe", "b.exe") and process.pid > 4', ""),
    "joined": ('sequence by host.id with maxspan=1m [any where true] [file where x == "y"]', ""),
    "wrong": ('process where process.name = "a.exe"', ""),
    "refused": ('process where process.name regex "("', ""),
    "dated": ("any where true", "[other]\nwhen = 2026-01-01\n"),
    "endless": ("any where true", "[other]\nmuch = nan\n"),
    "odd": ("any where true", 'interval = "soon"\n'),
}
FILES = {name: RULE.format(n=name, query=q, more=more) for name, (q, more) in QUERIES.items()}


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of rules, good and bad, which are worth keeping."""
    monkeypatch.setattr(_kept, "_WORTH", 1)
    folder = tmp_path / "rules"
    folder.mkdir()
    for name, text in {**FILES, "broken": "[rule\n", "none": "a = 1\n"}.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


def same(one: RuleSet, other: RuleSet) -> bool:
    def whole(found: RuleSet) -> list[Any]:
        return [(rule, repr(rule.query), repr(rule.parameters)) for rule in found.rules]

    return whole(one) == whole(other) and one.problems == other.problems


def test_the_second_load_gives_what_the_first_gave(rules: Path, tmp_path: Path) -> None:
    cold = load_rules([rules])
    assert {Path(problem.path).stem for problem in cold.problems} == {
        "wrong", "refused", "odd", "broken", "none",
    }  # fmt: skip
    assert same(load_rules([rules], tmp_path / "cache"), cold)
    file = next((tmp_path / "cache").iterdir())
    before = file.stat()
    assert same(load_rules([rules], tmp_path / "cache"), cold)
    assert file.stat() == before  # nothing was new
    assert file.stat().st_mode & 0o077 == 0
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0


def test_neither_toml_nor_eql_is_read_twice(
    rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is wrong, or more than JSON can say, is read again each time.
    for name in ("wrong", "refused", "dated", "endless", "broken"):
        (rules / f"{name}.toml").unlink()
    cold = load_rules([rules], tmp_path / "cache")

    def fail(*_: object) -> Any:
        raise AssertionError("read again")

    monkeypatch.setattr("triage.config.tomli.loads", fail)
    monkeypatch.setattr(_kept, "parse", fail)
    assert same(load_rules([rules], tmp_path / "cache"), cold)


def test_a_changed_file_is_seen_at_once(rules: Path, tmp_path: Path) -> None:
    file = rules / "good.toml"
    load_rules([rules], tmp_path / "cache")
    before = file.stat()
    file.write_text(file.read_text().replace("pid > 4", "pid > 5"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    for _ in range(2):
        found = {rule.rule_id: rule for rule in load_rules([rules], tmp_path / "cache").rules}
        assert "pid > 5" in found["good"].text
        assert found["good"].query is not None
        assert "pid > 5" in found["good"].query.stages[0].text


def test_few_rules_are_not_worth_a_file(tmp_path: Path) -> None:
    load_rules([ROOT / "rules"], tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


# The folder is the same for all examples, and each finds it whole again.
SHARED_FOLDER = [HealthCheck.function_scoped_fixture]


@settings(max_examples=60, deadline=None, suppress_health_check=SHARED_FOLDER)
@given(data=st.data())
def test_a_damaged_file_is_as_none(rules: Path, tmp_path: Path, data: st.DataObject) -> None:
    cache = tmp_path / "cache"
    cold = load_rules([rules], cache)
    file = next(cache.iterdir())
    good = file.read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    change = data.draw(st.sampled_from(["flip", "cut", "grow"]))
    if change == "flip":
        flipped = good[at] ^ data.draw(st.integers(1, 255))
        file.write_bytes(good[:at] + bytes([flipped]) + good[at + 1 :])
    elif change == "cut":
        file.write_bytes(good[:at])
    else:
        file.write_bytes(good[:at] + data.draw(st.binary(min_size=1, max_size=40)) + good[at:])
    assert same(load_rules([rules], cache), cold)
    assert file.read_bytes() == good  # made anew


PARTS = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "and", "field", "=="]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=SHARED_FOLDER)
@given(data=st.data())
def test_what_its_owner_forges_stops_nothing(
    rules: Path, tmp_path: Path, data: st.DataObject
) -> None:
    cache = tmp_path / "cache"
    cold = load_rules([rules], cache)
    file = next(cache.iterdir())
    good = file.read_bytes()
    said: Any = orjson.loads(good[_kept._HASH_BYTES :])
    for _ in range(data.draw(st.integers(1, 3))):
        holder, at = data.draw(st.sampled_from(list(_places(said))))
        holder[at] = data.draw(PARTS)
    body = orjson.dumps(said)
    file.write_bytes(_kept._seal(body) + body)
    try:
        found = load_rules([rules], cache)
        Matcher([(rule, ()) for rule in found.rules if rule.query], waiting=True)
    finally:
        file.write_bytes(good)
    assert {Path(problem.path).stem for problem in found.problems} >= {"broken"}
    assert len(found.rules) <= len(cold.rules)


def _places(said: Any) -> Iterator[tuple[Any, Any]]:
    for at, part in said.items() if isinstance(said, dict) else enumerate(said):
        yield said, at
        if isinstance(part, dict | list):
            yield from _places(part)


def test_what_another_parser_made_is_not_taken(
    rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cold = load_rules([rules], tmp_path / "cache")
    file = next((tmp_path / "cache").iterdir())
    good = file.read_bytes()
    monkeypatch.setattr(_kept, "edition", lambda: b"another")
    assert same(load_rules([rules], tmp_path / "cache"), cold)
    assert file.read_bytes() != good


def open_to_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder.chmod(0o755)
    return "others may look into it"


def linked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder.rename(folder.parent / "elsewhere")
    folder.symlink_to(folder.parent / "elsewhere")
    return "it is no folder"


def of_another(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    owner = os.stat(folder).st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    return "it belongs to somebody else"


@pytest.mark.skipif(os.name != "posix", reason="modes and owners of POSIX")
@pytest.mark.parametrize("spoil", [open_to_all, linked, of_another])
def test_a_folder_that_others_can_change_is_not_used(
    rules: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path, pytest.MonkeyPatch], str],
) -> None:
    cache = tmp_path / "cache"
    assert doctor.rule_cache(cache).state == "ok"
    cold = load_rules([rules], cache)
    file = next(cache.iterdir())
    assert doctor.rule_cache(cache).state == "ok"
    said = orjson.loads(file.read_bytes()[_kept._HASH_BYTES :])
    body = orjson.dumps({mark: [{"rule": {}}, None] for mark in said})
    file.write_bytes(_kept._seal(body) + body)  # rules that find nothing
    forged = file.read_bytes()
    assert not same(load_rules([rules], cache), cold)
    why = spoil(cache, monkeypatch)
    assert cache_fault(cache) == why
    assert same(load_rules([rules], cache), cold)
    assert file.read_bytes() == forged  # nor written to
    check = doctor.rule_cache(cache)
    assert check.state == "warning"
    assert why in check.found
    assert "chmod 700" in check.advice


def test_a_place_that_can_not_be_written_is_done_without(rules: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert same(load_rules([rules], tmp_path / "file" / "cache"), load_rules([rules]))


def test_files_are_few(rules: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    files: list[Path] = []
    for name in ("good", "joined", "odd", "refused", "wrong"):
        load_rules([rules / f"{name}.toml"], cache)
        (new,) = set(cache.iterdir()) - set(files)
        os.utime(new, ns=(len(files), len(files)))  # older than what comes
        files.append(new)
    assert set(cache.iterdir()) == set(files[1:])


def test_all_of_elastic_rules_are_the_same_again(shared: Path, tmp_path: Path) -> None:
    logs = sorted((shared / "rule-events").glob("*.ndjson"))[::160]
    config = Config((shared / "elastic-rules",), tmp_path / "none", tmp_path / "cache")

    def found() -> tuple[RuleSet, list[str]]:
        follower = Follower([str(log) for log in logs], once=True)
        engine = Engine(config, ":memory:", follower)
        try:
            return RuleSet(engine.book.all, engine.book.problems), hunt(engine, lambda: None)
        finally:
            engine.close()

    cold, alerts = found()
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert alerts
    warm, again = found()
    assert same(warm, cold)
    assert again == alerts

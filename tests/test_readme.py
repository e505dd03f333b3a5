"""README says what is so: its commands run, its rule loads, its map names every room."""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests import evtx_file
from tests.conftest import ROOT
from tests.ui.helpers import hunt_into
from triage.cli import main
from triage.rules import load_rules

PAGE = (ROOT / "README.md").read_text("utf-8")
RULE = ROOT / "rules" / "windows_installutil_remote_network_connection.toml"
LINES = re.findall(r"^    (triage .*)$", PAGE, re.MULTILINE)
COMMANDS = [line.partition(" #")[0].strip() for line in LINES]
FOLLOWS = "triage watch"  # these end only when they are told to, and most need a terminal


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what README speaks of: logs, a case, rules, a log of Windows's own."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "logs").mkdir()
    shutil.copy(ROOT / "samples" / "logs" / "nw-ws-014.sysmon.ndjson", folder / "logs")
    shutil.copy(RULE, folder / "rule.toml")
    (folder / "my-rules").mkdir()
    [own] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (folder / "my-rules" / "encoded.toml").write_text(own, "utf-8")
    (folder / "sysmon.evtx").write_bytes(evtx_file.evtx([evtx_file.process(1)]))
    hunt_into(folder / "night.triage", [str(folder / "logs")], [folder / "rule.toml"])
    return folder


@pytest.mark.parametrize("line", [one for one in COMMANDS if not one.startswith(FOLLOWS)])
def test_a_command_of_the_readme_runs(
    line: str, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(desk)
    assert main(shlex.split(line)[1:]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("line", [one for one in COMMANDS if one.startswith(FOLLOWS)])
def test_a_command_that_follows_is_understood(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[argparse.Namespace] = []

    def watch(options: argparse.Namespace) -> int:
        taken.append(options)
        return 0

    monkeypatch.setattr("triage.cli.watch._watch", watch)
    assert main(shlex.split(line)[1:]) == 0
    assert [options.paths for options in taken] == [["./logs"]]


def test_the_rule_of_the_readme_loads_without_a_word(desk: Path) -> None:
    loaded = load_rules([desk / "my-rules"])
    assert loaded.problems == ()
    assert [rule.runnable for rule in loaded.rules] == [True]


def test_every_page_and_file_the_readme_names_is_there() -> None:
    named = set(re.findall(r"\]\((docs/[\w./-]+|benchmarks/[\w./-]+)\)", PAGE))
    named |= set(re.findall(r"`((?:docs|rules|samples|benchmarks|tests)/[\w./-]*\w)`", PAGE))
    assert named
    assert [one for one in sorted(named) if not (ROOT / one).exists()] == []


def test_the_map_of_the_readme_names_every_room() -> None:
    rooms = {path.parent.name for path in (ROOT / "triage").glob("*/__init__.py")}
    told = set(re.findall(r"`triage/(\w+)/`", PAGE[PAGE.index("## Inside") :]))
    assert rooms - told == set()


def test_every_benchmark_is_in_the_table_of_benchmarks() -> None:
    table = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
    there = {path.name for path in (ROOT / "benchmarks").glob("*.py")}
    assert set(re.findall(r"`(\w+\.py)`", table)) == there

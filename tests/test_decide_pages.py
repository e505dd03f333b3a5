"""The pages on decisions and risk are true: what they tell to type runs, and their keys exist."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.ui.helpers import hunt_into
from triage.cli import main
from triage.rules import load_rules
from triage.ui import keys

PAGES = {
    name: (ROOT / "docs" / name).read_text("utf-8")
    for name in ("risk.md", "decisions-and-audit.md")
}
# A console needs a terminal: tests/ui has those.
COMMANDS = [
    line
    for page in PAGES.values()
    for line in re.findall(r"^    (triage .*)$", page, re.MULTILINE)
    if not line.startswith("triage watch")
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the pages speak of: the samples, a case, and the page's own rule."""
    folder = tmp_path_factory.mktemp("pages")
    shutil.copytree(ROOT / "samples" / "logs", folder / "samples" / "logs")
    [rule] = re.findall(r"```toml\n(.*?)```", PAGES["risk.md"], re.DOTALL)
    (folder / "my-rules").mkdir()
    (folder / "my-rules" / "four.toml").write_text(rule, "utf-8")
    hunt_into(folder / "night.triage", [str(folder / "samples" / "logs")], [ROOT / "rules"])
    return folder


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_pages_runs(
    line: str, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(desk)
    assert main(shlex.split(line)[1:]) == 0
    if "--format table" in line:
        assert capsys.readouterr().out.count("Risk Threshold Exceeded in 24 Hours") == 4


def test_the_rule_of_the_page_loads(desk: Path) -> None:
    loaded = load_rules([desk / "my-rules"])
    assert loaded.problems == ()
    assert loaded.rules[0].incident is not None


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_the_keys_of_the_page_are_those_of_the_table(page: str) -> None:
    told = re.findall(r"^\| `(\S+)` \| ", page, re.MULTILINE)
    shown = {"enter": "⏎"}
    table = {action.shown for action in keys.ACTIONS}
    keys_told = [key for key in told if not key.startswith("rules/")]
    assert keys_told
    assert [key for key in keys_told if shown.get(key, key) not in table] == []


def test_the_bundled_rules_of_the_page_are_there() -> None:
    told = re.findall(r"`(rules/\S+\.toml)`", PAGES["risk.md"])
    assert told
    assert [path for path in told if not (ROOT / path).is_file()] == []

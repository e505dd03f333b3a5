"""docs/rules.md is true: its keys are those of the table, its filters work, its commands run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests import events
from tests.conftest import ROOT
from tests.ui.test_rules_screen import row
from triage.cli import main
from triage.ui import keys
from triage.ui.rule_table import SORTS, STATES, narrowed

PAGE = (ROOT / "docs/rules.md").read_text("utf-8")
COMMANDS = re.findall(r"^    (triage .*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_runs(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events.write_rule(tmp_path / "my-rules" / "mine.toml")
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(line)[1:]) == 0


def test_its_keys_are_those_of_the_table() -> None:
    rules = PAGE.partition("## `M`")[0]
    told = set(re.findall(r"^\| `([a-z/]+)` \|", rules, re.MULTILINE))
    ours = {one.shown for one in keys.ACTIONS if "rules" in one.scopes}
    assert ours | {"enter", "/", "y"} == told
    matrix = {one.shown for one in keys.ACTIONS if "matrix" in one.scopes}
    assert {"h", "j", "k", "l", "a", "R"} <= matrix


def test_its_words_are_those_of_the_table() -> None:
    assert ", ".join(SORTS) in PAGE
    assert all(state in PAGE for state in STATES)
    for text in re.findall(r"`((?:state|severity|technique):\w+)`", PAGE):
        narrowed([row("a")], text, "name")


def test_the_picture_is_there() -> None:
    assert (ROOT / "docs/matrix.svg").stat().st_size > 1000

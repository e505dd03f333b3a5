"""docs/queue.md is true: its keys exist, its filters are understood, its commands run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import ROOT
from triage.cli import main
from triage.ui import keys, views
from triage.ui.filtering import parse
from triage.ui.grouping import GROUPINGS

PAGE = (ROOT / "docs/queue.md").read_text("utf-8")
FILTERS, GROUPS = PAGE.split("## The filter")[1], PAGE.split("## Groups")[1].split("## The")[0]


def test_its_keys_exist_and_its_picture_is_there() -> None:
    shown = {action.shown for action in keys.ACTIONS}
    told = re.findall(r"^\| `([^`]+)` \|", PAGE.split("## Groups")[0], re.MULTILINE)
    assert told
    assert set(told) <= shown
    assert (ROOT / "docs/queue.svg").stat().st_size > 1000


def test_its_filters_are_understood_and_its_groups_are_all() -> None:
    rows = re.findall(r"^\| (`.*`) \|", FILTERS, re.MULTILINE)
    found = [text for row in rows for text in re.findall(r"`([^`]+)`", row)]
    assert len(found) > 10
    for text in found:
        parse(text, lambda: 0)
    assert re.findall(r"^\| ([a-z ]+) \| [a-z]", GROUPS, re.MULTILINE)[1:] == list(GROUPINGS)


def test_its_view_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "views.toml"
    path.write_text(PAGE.split("```toml\n")[1].split("```")[0])
    (view,) = views.load(path)
    assert (view.sort, view.group) == ("severity", "cause")
    parse(view.filter)


def test_its_commands_run_as_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"^    (triage .*)$", PAGE, re.MULTILINE)
    assert [line.split()[1] for line in lines] == ["hunt", "watch", "export"]
    for line in lines:
        if " watch " not in line:
            assert main(shlex.split(line)[1:]) == 0
    assert len((tmp_path / "high.csv").read_text("utf-8").splitlines()) > 1

"""docs/alert-in-depth.md and docs/guide.md are true: their keys exist and their commands run."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.conftest import ROOT
from triage.cli import main
from triage.ui import keys

PAGES = {
    name: (ROOT / "docs" / name).read_text("utf-8") for name in ("alert-in-depth.md", "guide.md")
}
SHOWN = {action.shown for action in keys.ACTIONS} | {"enter"}
COMMANDS = sorted({
    line for page in PAGES.values() for line in re.findall(r"^    (triage .*)$", page, re.MULTILINE)
})  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_its_keys_exist_and_its_picture_is_there(name: str) -> None:
    page = PAGES[name]
    told = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    assert told
    assert set(told) <= SHOWN
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page):
        assert (ROOT / "docs" / picture).stat().st_size > 1000


@pytest.mark.parametrize("line", [line for line in COMMANDS if " watch " not in line])
def test_a_command_of_the_page_runs(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert main(shlex.split(line)[1:]) == 0

"""docs/hand-over.md is true: its commands run as they are written, and it names every format."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT
from triage.cli import main
from triage.export import BY_NAME

PAGE = (ROOT / "docs/hand-over.md").read_text("utf-8")
COMMANDS = re.findall(r"^    (triage export .*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_runs(
    line: str, sample_case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(sample_case, tmp_path / "night.triage")
    monkeypatch.chdir(tmp_path)
    arguments = shlex.split(line)[1:]
    assert main(arguments) == 0
    if "-o" in arguments:
        assert Path(arguments[arguments.index("-o") + 1]).stat().st_size > 100


def test_the_page_names_every_format() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == list(BY_NAME)
    assert {re.search(r"--format (\w+)", line)[1] for line in COMMANDS} == set(BY_NAME)  # type: ignore[index] # each has one

"""The page on manners says what is so: its settings are accepted, its commands run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import ROOT
from triage.cli import main
from triage.ui import keymap

PAGE = (ROOT / "docs" / "manners.md").read_text("utf-8")


def test_the_settings_of_the_page_are_in_force(tmp_path: Path) -> None:
    found = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert found
    for text in found:
        path = tmp_path / "config.toml"
        path.write_text(text, "utf-8")
        own = keymap.load(path)
        assert own.problems == ()
        assert own.given == {"alert.ack": "A", "undo": "U,f9"}


@pytest.mark.parametrize("words", re.findall(r"^    triage (keys.*)$", PAGE, re.MULTILINE))
def test_the_commands_of_the_page_run(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert main(shlex.split(words)) == 0
    assert '"alert.ack" = "a"' in capsys.readouterr().out

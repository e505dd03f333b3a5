"""The page on exceptions: its list loads, its commands run as written."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_kibana_lists import ITEM, LIST, details, ndjson
from triage import config
from triage.case.schema import connect
from triage.cli import main
from triage.exceptions import load_exceptions, read_values

PAGE = (ROOT / "docs" / "exceptions.md").read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def test_the_page_runs_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "exceptions"
    monkeypatch.setattr(config, "exceptions_dir", lambda: folder)
    folder.mkdir()
    (folder / "build.toml").write_text(block("toml"), "utf-8")
    Path("servers.txt").write_text("10.0.4.0/24\n192.0.2.1-192.0.2.9\n")
    Path("kibana.ndjson").write_bytes(ndjson([LIST, ITEM, details(1, 1)]))
    connect("night.triage").close()

    told: list[str] = []
    for written in block("sh").splitlines():
        words = shlex.split(written)
        goal = words[words.index(">") + 1] if ">" in words else ""
        assert main(words[1 : words.index(">") if goal else None]) == 0, written
        told.append(capsys.readouterr().out)
        if goal:
            Path(goal).write_text(told[-1], "utf-8")

    found = load_exceptions(folder)
    assert not found.problems
    assert {one.list_id for one in found.lists} == {"build", "ours"}
    assert read_values(folder, "servers.txt") == ("10.0.4.0/24", "192.0.2.1-192.0.2.9")
    assert "Nightly build" in told[2]
    assert {json.loads(line)["hits"] for line in told[3].splitlines()} == {0}
    assert json.loads(Path("build.ndjson").read_text().splitlines()[0])["list_id"] == "build"
    assert len(Path("all.ndjson").read_text().splitlines()) == 5
    assert told[-1].startswith("where if(")


def test_every_key_the_page_names_is_one() -> None:
    from triage.ui import keys

    pressed = {name for one in keys.ACTIONS for name in one.keys.split(",")}
    shown = {one.shown for one in keys.ACTIONS} | pressed | {"esc"}
    named = set(re.findall(r"`([^`\s]|ctrl\+\w|esc|enter|space)`", PAGE)) - {"*", "?"}
    assert named <= shown, named - shown

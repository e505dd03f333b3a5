"""Handing over with W: what, how and where, and never over another file by a slip."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.ui.helpers import press, screen_text, settled, until, write
from triage import export
from triage.export import Format, Selection
from triage.ui.app import Console
from triage.ui.screens import hand_over
from triage.ui.screens.dialogs import Prompt
from triage.ui.screens.hand_over import Writing
from triage.ui.screens.main import Main

Make = Callable[..., Console]


async def answer(pilot: Pilot[Any], text: str) -> None:
    """Answer the question for a file."""
    await until(pilot, lambda: isinstance(pilot.app.screen, Prompt))
    await pilot.press("ctrl+u")
    await write(pilot, text)
    await pilot.press("enter")


def said(pilot: Pilot[Any]) -> str:
    return " ".join(note.message for note in pilot.app._notifications)


async def test_the_whole_case_as_a_report(console: Make, tmp_path: Path) -> None:
    out = tmp_path / "night.html"
    async with console().run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "W", "w", "h")
        await answer(pilot, str(out))
        await until(pilot, lambda: "16 alerts written to" in said(pilot))
        assert "night.html" in said(pilot)
        assert isinstance(pilot.app.screen, Main)
    text = out.read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert "the whole case" in text
    assert "by jdoe" in text


async def test_the_marked_alerts_as_a_table(console: Make, tmp_path: Path) -> None:
    out = tmp_path / "marked.csv"
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "space", "space")
        marked = {row.id for row in app.desk.store[:2]}
        await press(pilot, "W", "m", "c")
        await answer(pilot, str(out))
        await until(pilot, lambda: "2 alerts written to" in said(pilot))
    with out.open(newline="", encoding="utf-8") as file:
        assert {row["alert id"] for row in csv.DictReader(file)} == marked


async def test_what_the_filter_lets_through(console: Make, tmp_path: Path) -> None:
    out = tmp_path / "high.ndjson"
    async with console().run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "/")
        await write(pilot, "severity>=high")
        await press(pilot, "enter", "W", "f", "n")
        await answer(pilot, str(out))
        await until(pilot, lambda: "2 alerts written to" in said(pilot))
    docs = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert {doc["kibana.alert.severity"] for doc in docs} == {"high"}


async def test_an_existing_file_is_asked_about(console: Make, tmp_path: Path) -> None:
    out, other = tmp_path / "mine.csv", tmp_path / "other.csv"
    out.write_text("mine")
    async with console().run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "W", "w", "c")
        await answer(pilot, str(out))
        await until(pilot, lambda: "exists already" in screen_text(pilot.app))
        await pilot.press("n")
        await answer(pilot, str(other))
        await until(pilot, lambda: "written to" in said(pilot))
        assert out.read_text() == "mine"
        assert other.exists()

        await press(pilot, "W", "w", "c")
        await answer(pilot, str(out))
        await until(pilot, lambda: "exists already" in screen_text(pilot.app))
        await pilot.press("o")
        await until(pilot, lambda: out.read_text() != "mine")


@pytest.mark.parametrize("keys", [("W",), ("W", "w"), ("W", "w", "h")])
async def test_escape_at_any_question_writes_nothing(
    console: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]
) -> None:
    written: list[object] = []
    monkeypatch.setattr(hand_over, "write_file", lambda *given: written.append(given))
    async with console().run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, *keys)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, Main))
    assert not written


async def test_a_file_that_can_not_be_written_is_said(console: Make, tmp_path: Path) -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "W", "w", "c")
        await answer(pilot, str(tmp_path / "none" / "out.csv"))
        await until(pilot, lambda: "choose another file" in said(pilot))


async def test_a_long_work_tells_how_far_it_is_and_can_be_stopped(
    console: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(selection: Selection) -> Iterator[str]:
        while True:
            selection.progress(7, len(selection.rows))
            yield "x"

    slow = Format("csv", "c", ".csv", "a table", endless)
    monkeypatch.setitem(export.BY_NAME, "csv", slow)
    out = tmp_path / "out.csv"
    async with console().run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "W", "w", "c")
        await answer(pilot, str(out))
        await until(pilot, lambda: "7 of 16 alerts" in screen_text(pilot.app))
        assert isinstance(pilot.app.screen, Writing)
        await pilot.press("escape")
        await until(pilot, lambda: "nothing was written" in said(pilot))
    assert not list(tmp_path.glob("*out.csv*"))

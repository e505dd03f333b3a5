"""Pictures of grouped list, filter help and saved views, with hostile text in every field."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.ui.helpers import add_alerts, press, settled, write
from tests.ui.test_terminal import HOSTILE
from triage import times
from triage.config import views_file
from triage.ui import views
from triage.ui.app import Console
from triage.ui.views import View

Make = Callable[..., Console]
SIZES = {"80x24": (80, 24), "120x36": (120, 36), "200x60": (200, 60)}


@pytest.fixture
def hostile(case: Path) -> Path:
    """The case with alerts that are hostile in every column, some of one cause."""
    start = times.parse("2026-03-12T15:30:00Z") or 0
    text = HOSTILE.replace("\x00", "")
    columns = ("rule_name", "host", "user", "process", "parent", "destination", "reason", "root",
               "tags", "assignee", "threat")  # fmt: skip
    same = {name: f"{name} {text}" for name in columns} | {"rule_id": text, "severity": "critical"}
    add_alerts(
        case,
        [
            {
                **same, "id": f"pwn{n}", "time": start + n * n * 10**10,
                "parent": f"{text}{n // 5}", "status": ("open", "acknowledged", "closed")[n % 3],
            }
            for n in range(9)
        ],
    )  # fmt: skip
    return case


def walk(*keys: str, text: str = "") -> Callable[[Pilot[Any]], Any]:
    async def run(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        await press(pilot, *keys)
        if text:
            await write(pilot, text)
        pilot.app.clear_notifications()
        await settled(pilot)

    return run


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", SIZES)
def test_grouped(snap_compare: Any, console: Make, hostile: Path, size: str, theme: str) -> None:
    keys = [*(["t"] if theme == "light" else []), "b", "z", "j", "space", "j"]
    assert snap_compare(console(), terminal_size=SIZES[size], run_before=walk(*keys))


@pytest.mark.parametrize("size", ["80x24", "120x36"])
def test_filter_help(snap_compare: Any, console: Make, hostile: Path, size: str) -> None:
    run = walk("/", text="severity:hugh ho")
    assert snap_compare(console(), terminal_size=SIZES[size], run_before=run)


def test_filter_values(snap_compare: Any, console: Make, hostile: Path) -> None:
    run = walk("/", text="host:")
    assert snap_compare(console(), terminal_size=SIZES["80x24"], run_before=run)


def test_saved_views(snap_compare: Any, console: Make, hostile: Path) -> None:
    shown = "".join(char for char in HOSTILE if char.isprintable())
    found = [View("my night", "state:open severity>=high", "newest", "cause"),
             View(shown, shown, "risk", "")]  # fmt: skip
    views.save(views_file(), found)
    assert snap_compare(console(), terminal_size=SIZES["120x36"], run_before=walk("b", "S", "j"))

"""Pictures of an alert in depth: hostile text in every field, three sizes, both themes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_textual_snapshot import SVGImageExtension  # type: ignore[import-untyped] # has no types
from syrupy.assertion import SnapshotAssertion

from tests.ui import deep
from tests.ui.helpers import press, screen_text, settled
from triage.ui.app import Console

SIZES = ((80, 24), (120, 36), (200, 60))
SCREENS: dict[str, tuple[str, ...]] = {
    "timeline": ("T",),
    "host-tree": ("enter", "2", "z", "G", "enter"),
    "traces": ("enter", "3", "z"),
    "guide": ("enter", "6", "z"),
    "step-outcome": ("enter", "6", "z", "enter"),
    "pivot": ("p",),
    "log-search": ("p", "1"),
    "open-steps": ("a", "O"),
}


@pytest.mark.parametrize("name", SCREENS)
async def test_hostile(
    snapshot: SnapshotAssertion, console: Callable[..., Console], tmp_path: Path, name: str
) -> None:
    picture = snapshot.use_extension(SVGImageExtension)
    app = console(deep.make(tmp_path))
    async with app.run_test(size=SIZES[0]) as pilot:
        await settled(pilot)
        await press(pilot, *SCREENS[name])
        for width, height in SIZES:
            await pilot.resize_terminal(width, height)
            for theme in ("triage-dark", "triage-light"):
                app.theme = theme
                app.clear_notifications()
                await settled(pilot)
                text = screen_text(app)
                assert all(char.isprintable() or char == "\n" for char in text)
                assert app.export_screenshot() == picture(name=f"{width}x{height}-{theme}")

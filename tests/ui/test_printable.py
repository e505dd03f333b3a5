"""T4: a widget that forgets to clean what it shows still tells the terminal nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rich.text import Text
from textual.widgets import Static

from tests.ui.helpers import settled
from triage.ui.app import Console


@pytest.mark.parametrize(
    "text",
    [
        "a\x1b]0;title\x07b",
        "a\x1b[2Jb",
        "a\x9b31mb",
        "a\x1bPq\x1b\\b",
        "a\x00\x08\x0cb",
        "a\u202eb",
    ],
)
async def test_t4_no_cell_holds_a_control_character(
    console: Callable[..., Console], text: str
) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        careless = Static(Text(text), markup=False)
        await app.screen.mount(careless)
        await pilot.pause()
        strips = careless.render_lines(careless.size.region)
        shown = "".join(segment.text for strip in strips for segment in strip)
        assert shown.isprintable()
        assert "a" in shown
        assert "\N{REPLACEMENT CHARACTER}" in shown

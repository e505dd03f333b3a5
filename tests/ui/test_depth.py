"""One alert in depth: the whole host's tree, whom it reached, what it touched, what is related."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

from tests.ui.helpers import press, screen_text, settled, write
from triage.ui.app import Console

Make = Callable[..., Console]


async def opened(pilot: Pilot[Any], *keys: str) -> None:
    """The InstallUtil alert of ws-014 on the whole screen, and then some keys."""
    await settled(pilot)
    await press(pilot, "/")
    await write(pilot, "rule:remote host:ws-014")
    await press(pilot, "enter", "enter", *keys)


async def test_the_whole_host_s_tree_opens_at_the_alert_and_is_shut_node_by_node(
    console: Make,
) -> None:
    app = console()
    async with app.run_test(size=(120, 60)) as pilot:
        await opened(pilot, "2", "z", "G", "enter", "g")
        text = screen_text(app)
        assert "61 on the host" in text
        assert "▸" in text  # what holds no alert is shut
        assert "▶ InstallUtil.exe 512" in text
        await press(pilot, "j", "space")
        text = screen_text(app)
        assert "▸ smss.exe" in text
        assert "InstallUtil.exe" not in text.split("2 Process tree")[1]
        await press(pilot, "space", "g", "enter")
        assert "… all 61 processes of the host" in screen_text(app)

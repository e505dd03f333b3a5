"""What the console's tests share: a clock that stands, a case to fill, and waiting with an end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from triage import times
from triage.case.model import AlertRow
from triage.case.read import CaseReader
from triage.case.schema import connect, next_change, transaction
from triage.run import Config, Engine
from triage.sources import Follower
from triage.ui.app import Console
from triage.ui.lines_view import LinesView
from triage.ui.pane_view import PaneView
from triage.ui.screens.main import Main

NOW = times.parse("2026-03-12T16:00:00Z") or 0
DEADLINE = 40.0  # seconds: two busy cores are slow, but never this slow


class Clock:
    """Nanoseconds since 1970 that pass only when a test says so."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def hunt_into(case: Path, logs: Sequence[str], rules: Sequence[Path]) -> None:
    """Read logs into a case with our own engine."""
    clock = Clock()
    config = Config(tuple(rules), case.parent / "no-exceptions")
    engine = Engine(config, str(case), Follower(list(logs)), clock)
    for block in engine.follower.poll():
        engine.take(block)
    engine.writer.set_meta("roots", "\n".join(logs))
    # What no two runs share is not in the pictures.
    said = replace(engine.state("live"), pid=1, memory=48_000_000, slowest={}, sampled=0)
    engine.writer.say(said, engine.sources())
    for _left in engine.gather(DEADLINE):
        pass
    engine.close()


async def until(pilot: Pilot[Any], condition: Callable[[], bool]) -> None:
    """Let the app work until ``condition`` holds; fail after the deadline."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"it never came to this:\n{screen_text(pilot.app)}"
        await pilot.pause(0.01)
    await pilot.pause()


async def settled(pilot: Pilot[Any]) -> None:
    """Wait until there is nothing left to load or to preview."""
    app = pilot.app
    assert isinstance(app, Console)
    await pilot.pause()

    def done() -> bool:
        screen = app.screen
        if app.typed_ahead:
            return False
        if not getattr(screen, "settled", True):
            return False
        pages = [view for view in screen.query(LinesView) if view.region and view.lines]
        shown = [view for view in screen.query(PaneView) if view.display]
        return (
            app.news is not None
            and all(view.fits for view in pages)
            and all(view.idle and _bar_is_true(view) for view in shown)
        )

    await until(pilot, done)
    while not done():  # a scrollbar came last, and its page is laid out anew
        await until(pilot, done)


def _bar_is_true(view: PaneView) -> bool:
    """Whether the scrollbar tells of the lines that are there: it follows them a little later."""
    bar = view.vertical_scrollbar
    told = bar.window_virtual_size, bar.position
    return not view.show_vertical_scrollbar or told == (view.virtual_size.height, view.scroll_y)


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys, settling after each."""
    for key in keys:
        await pilot.press(key)
        await settled(pilot)


async def write(pilot: Pilot[Any], text: str) -> None:
    """Type a text."""
    names = {" ": "space"}
    await pilot.press(*(names.get(char, char) for char in text))
    await settled(pilot)


def screen_text(app: App[Any]) -> str:
    """The screen as a terminal would show it, without colours."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


def main_screen(app: Console) -> Main:
    found = next(screen for screen in app.screen_stack if isinstance(screen, Main))
    assert isinstance(found, Main)
    return found


def row_of(case: Path, alert_id: str) -> AlertRow:
    """The alert as the case has it now."""
    reader = CaseReader(str(case))
    try:
        found = reader.alert(alert_id)
        assert found is not None
        return found.row
    finally:
        reader.close()


def add_alerts(case: Path, rows: Sequence[dict[str, Any]], like: str = "") -> None:
    """Write alerts as the engine does: copies of one that is there, with some columns changed; of
    the one whose id is ``like`` with its events."""
    db = connect(str(case))
    columns = [row[1] for row in db.execute("PRAGMA table_info(alert)")]
    found = db.execute("SELECT * FROM alert WHERE ? IN ('', id) LIMIT 1", (like,))
    sample = dict(zip(columns, next(iter(found)), strict=True))
    with transaction(db):
        for changed in rows:
            row = {**sample, **changed, "change": next_change(db)}
            marks = ", ".join("?" * len(row))
            db.execute(
                f"INSERT OR REPLACE INTO alert ({', '.join(row)}) VALUES ({marks})",  # noqa: S608 - own columns
                tuple(row.values()),
            )
            if like:
                db.execute(
                    "INSERT INTO alert_event SELECT ?, stage, event_id FROM alert_event"
                    " WHERE alert_id = ?",
                    (row["id"], like),
                )
    db.close()

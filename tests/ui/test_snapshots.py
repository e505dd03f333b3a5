"""Pictures of every screen at both sizes: how the console looks is a promise, too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.ui.conftest import SAMPLES
from tests.ui.helpers import NOW, Clock, press, settled, write
from triage.case.model import SourceState
from triage.case.read import CaseReader
from triage.case.schema import transaction
from triage.case.write import CaseWriter
from triage.times import SECOND
from triage.ui.app import Console

WIDE, SMALL = (120, 36), (80, 24)
Make = Callable[..., Console]
INSTALLUTIL = "rule:remote host:ws-014"  # the attack with something to see in every pane

SCREENS: dict[str, tuple[str, ...]] = {
    "main": (),
    "marked": ("space", "j", "V", "j", "V", "s"),
    "filter-error": ("/", "s", "e", "v", ">", "=", "x"),
    "tree": ("2",),
    "connections": ("3",),
    "events": ("4",),
    "attack": ("5",),
    "respond": ("6",),
    "drill-down": ("enter",),
    "drill-zoomed": ("enter", "4", "z"),
    "event-document": ("enter", "4", "enter"),
    "process-document": ("enter", "2", "enter"),
    "close-reason": ("c",),
    "note": ("m",),
    "pivot": ("p",),
    "hand-over": ("space", "space", "W"),
    "hand-over-format": ("W", "w"),
    "palette": ("colon", "u", "n", "d"),
    "rule": ("r",),
    "raw-event": ("v",),
    "help": ("question_mark",),
    "health": ("exclamation_mark",),
    "light": ("t",),
}  # fmt: skip
FILTERED = {"tree", "connections", "events", "attack", "respond", "drill-down", "drill-zoomed",
            "event-document", "process-document", "rule", "raw-event"}  # fmt: skip


async def quiet(pilot: Pilot[Any]) -> None:
    """Toasts go by the clock on the wall: none in a picture."""
    pilot.app.clear_notifications()
    await settled(pilot)


def walk(keys: tuple[str, ...], filtered: bool) -> Callable[[Pilot[Any]], Awaitable[None]]:
    async def run(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        if filtered:
            await press(pilot, "/")
            await write(pilot, INSTALLUTIL)
            await press(pilot, "enter")
        await press(pilot, *keys)
        await quiet(pilot)

    return run


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["120x36", "80x24"])
@pytest.mark.parametrize("name", SCREENS)
def test_screen(snap_compare: Any, console: Make, name: str, size: tuple[int, int]) -> None:
    app = console()
    assert snap_compare(app, terminal_size=size, run_before=walk(SCREENS[name], name in FILTERED))


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["120x36", "80x24"])
def test_exception_editor(snap_compare: Any, console: Make, size: tuple[int, int]) -> None:
    async def run(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        await press(pilot, "j", "f")
        await quiet(pilot)

    app = console(exceptions=Path("exceptions"))  # where a test's folder lies must not show
    assert snap_compare(app, terminal_size=size, run_before=run)


def test_no_alerts_yet(snap_compare: Any, console: Make, tmp_path: Path) -> None:
    async def run(pilot: Pilot[Any]) -> None:
        await settled(pilot)

    app = console(tmp_path / "empty.triage")
    assert snap_compare(app, terminal_size=SMALL, run_before=run)


def trouble(case: Path, state: str) -> None:
    """Let the case's engine say that it is behind, that logs are refused and what rules cost."""
    reader = CaseReader(str(case))
    engine, sources, rules = reader.engine(), reader.sources(), reader.rules()
    reader.close()
    folder = Path(SAMPLES).resolve()  # as the follower names them
    broken = str(folder / "nw-fw.ndjson")
    sources[1] = replace(
        sources[1], state="reading", size=48_000_000, rate=812.0,
        lag=12_300_000, behind_since=NOW - 95 * SECOND,
    )  # fmt: skip
    sources.append(
        SourceState(str(folder / "old.tar"), "", "refused", "unknown content", 0, 9, 0, 0)
    )
    sources.append(SourceState(broken, "ecs", "idle", "", 99, 99, 7, 1, error="not JSON: cut off"))
    writer = CaseWriter(str(case), Clock())
    with transaction(writer.connection):
        writer.connection.execute(
            "INSERT INTO reject (source, position, length, reason, excerpt) VALUES (?, ?, ?, ?, ?)",
            (broken, 41, 27, "not JSON: cut off", b'{"message": "\x1b[31m[/]\xe2\x80\xae\xff'),
        )
        writer.connection.execute(
            "INSERT INTO gap (at, source, message) VALUES (?, ?, ?)",
            (NOW, broken, "was truncated or rewritten"),
        )
    said = replace(
        engine, state=state, lag_bytes=12_300_000, total_bytes=49_000_000, seconds_left=130,
        rate=812.0, evicted=1_200, evicted_by={rules[0].rule_id: 1_200},
        slowest={rules[1].rule_id: 0.004}, sampled=1_000,
    )  # fmt: skip
    writer.say(said, sources)
    writer.close()


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["120x36", "80x24"])
@pytest.mark.parametrize(
    ("name", "state", "keys"),
    [
        ("live", "live", ()),
        ("reading", "reading", ()),
        ("health", "live", ("exclamation_mark",)),
        ("log", "live", ("exclamation_mark", "j", "j", "enter")),
        ("record", "live", ("exclamation_mark", "j", "j", "enter", "G", "enter")),
    ],
)
def test_trouble(
    snap_compare: Any,
    console: Make,
    case: Path,
    name: str,
    state: str,
    keys: tuple[str, ...],
    size: tuple[int, int],
) -> None:
    trouble(case, state)
    assert snap_compare(console(), terminal_size=size, run_before=walk(keys, filtered=False))


def test_decided(snap_compare: Any, console: Make) -> None:
    """Every state has its glyph and word; a handled alert has a history."""

    async def run(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        await press(pilot, "a", "j", "c", "t", "j", "c", "f", "k")
        await press(pilot, "m")
        await write(pilot, "the patch agent again")
        await press(pilot, "enter")
        await quiet(pilot)

    assert snap_compare(console(), terminal_size=WIDE, run_before=run)

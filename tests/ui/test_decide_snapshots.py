"""Pictures of deciding beside others, of the journal and of risk, with hostile names everywhere."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests import events
from tests.ui.helpers import Clock, hunt_into, press, settled
from tests.ui.test_snapshots import quiet
from triage.case.decide import Decisions
from triage.case.read import CaseReader
from triage.ui.app import Console

Make = Callable[..., Console]
SIZES = {"80x24": (80, 24), "120x36": (120, 36), "200x60": (200, 60)}
EVIL = "\x1b]0;x\x07[@click=app.quit]\u202e[/]\x9b2J"
EVE = f"eve{EVIL}"
DAY = 24 * 3600


@pytest.fixture(scope="session")
def hostile_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Alerts of three rules over six days, whose hosts, users and analysts have evil names."""
    folder = tmp_path_factory.mktemp("hostile")
    rules = folder / "rules"
    tactics = ("TA0002", "TA0005", "TA0011")
    for tactic in tactics:
        name = f"Rule {tactic} [/] [red]of[/red] $name"
        query = f'process where process.name == "{tactic}.exe"'
        path = events.write_rule(rules / f"{tactic}.toml", query, name)
        path.write_text(path.read_text("utf-8").replace("TA0005", tactic), "utf-8")
    for rule in Path("rules").glob("risk_*.toml"):
        shutil.copy(rule, rules)
    docs = [
        events.start(
            day * DAY + n,
            f"p{n}",
            f"{tactics[n % 3]}.exe",
            **{"host.name": f"ws-{n % 4}{EVIL}", "user.name": f"u{n % 3}{EVIL}"},
        )
        for n, day in enumerate((0, 1, 1.2, 3, 5, 5.1, 5.2, 5.3, 5.9, 6))
    ]
    log = events.write(folder / "log.ndjson", docs)
    path = folder / "hostile.triage"
    hunt_into(path, [str(log)], [rules])
    reader = CaseReader(str(path))
    ids = [row.id for row in sorted(reader.alerts(), key=lambda row: (-row.time, row.id))]
    reader.connection.close()
    eve = Decisions(str(path), EVE, Clock())
    eve.acknowledge(ids[:4])
    eve.note(ids[:1], f"what is this? {EVIL}")
    eve.tag(ids[:2], add=[f"tag{EVIL}"])
    eve.close(ids[4:7], "benign_positive")
    eve.undo()
    eve.close(ids[5:6], "false_positive")
    eve.assign(ids[1:3], f"kim{EVIL}")
    eve.close_case()
    return path


@pytest.fixture
def hostile(hostile_case: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(hostile_case, tmp_path / "hostile.triage"))


def walk(keys: tuple[str, ...], light: bool, between: Callable[[], None] = lambda: None) -> Any:
    """Press keys; ``between`` happens where the keys hold a "!other"."""

    async def run(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        if light:
            await press(pilot, "t")
            await quiet(pilot)  # here: a dialog would hide the toast from later
        for key in keys:
            if key == "!other":
                between()
            else:
                await press(pilot, key)
        await quiet(pilot)
        for below in pilot.app.screen_stack[:-1]:  # a dialog's picture is not that of the list
            for child in below.children:
                child.visible = False
        await settled(pilot)

    return run


def overtake(path: Path) -> Callable[[], None]:
    """Let somebody decide on the two newest alerts."""

    def work() -> None:
        reader = CaseReader(str(path))
        ids = [row.id for row in sorted(reader.alerts(), key=lambda row: (-row.time, row.id))]
        reader.connection.close()
        eve = Decisions(str(path), EVE, Clock())
        eve.close(ids[:2], "true_positive")
        eve.reopen(ids[:1])
        eve.close_case()

    return work


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("board", ("B", "space")),
        ("journal", ("J",)),
        ("overtaken", ("space", "space", "space", "c", "!other", "d")),
    ],
)
def test_hostile(
    snap_compare: Any,
    console: Make,
    hostile: Path,
    name: str,
    keys: tuple[str, ...],
    size: str,
    theme: str,
) -> None:
    app = console(hostile)
    steps = walk(keys, theme == "light", overtake(hostile))
    assert snap_compare(app, terminal_size=SIZES[size], run_before=steps)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("entry", ("J", "enter")),
        ("assign", ("@",)),
        ("incident", ("/", *"rule:exceeded", "enter", "enter", "z")),
    ],
)
def test_hostile_page(
    snap_compare: Any, console: Make, hostile: Path, name: str, keys: tuple[str, ...]
) -> None:
    app = console(hostile)
    assert snap_compare(app, terminal_size=(120, 36), run_before=walk(keys, light=False))

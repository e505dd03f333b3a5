"""Pictures of the rules screen and the ATT&CK matrix, with content that wants to harm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.ui.helpers import NOW, Clock, press, screen_text, settled
from tests.ui.test_snapshots import quiet
from triage.case.decide import Decisions
from triage.case.schema import transaction
from triage.case.write import CaseWriter
from triage.ui.app import Console

Make = Callable[..., Console]
SIZES = [(80, 24), (120, 36), (200, 60)]
HOSTILE = "[red]\x1b[31m\u202e[/][@click=app.quit]x[/]\x00{{a}}|\u200b漢字 \x9b2J"
LOUD = "fce6c39a-0064-4cf3-98fc-11eea3a63acf"


@pytest.fixture
def hostile(case: Path) -> Path:
    """Rules of every state, some named and placed by an attacker, with costs, errors, switches."""
    writer = CaseWriter(str(case), Clock())
    with transaction(writer.connection):
        for place, (name, runnable, enabled) in enumerate(
            (("Office starts a shell", 1, 1), (HOSTILE, 1, 1), (HOSTILE * 4, 0, 1), ("Old", 1, 0))
        ):
            writer.connection.execute(
                "INSERT INTO rule VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (f"r{place}", name, "critical" if place < 2 else HOSTILE,
                 f"/rules/{HOSTILE}{place}", runnable, HOSTILE, enabled,
                 f"TA0002 T1059 T1059.001 TA0001 T1566 {HOSTILE}"),
            )  # fmt: skip
        for path in (f"/rules/{HOSTILE}0", f"/rules/{HOSTILE}.toml"):
            writer.connection.execute(
                'INSERT INTO problem (path, line, "column", severity, message)'
                " VALUES (?, 3, 1, 'error', ?)",
                (path, HOSTILE),
            )
        writer.connection.execute(
            "UPDATE alert SET severity = 'critical', threat = 'TA0002 T1059 T1059.001 T9999'"
            " WHERE id IN (SELECT id FROM alert ORDER BY time LIMIT 4)"
        )
    writer.say_costs({LOUD: 0.000_012_3, "r1": 0.002})
    writer.close()
    decisions = Decisions(str(case), HOSTILE, Clock(NOW))
    decisions.switch_rule("r1", HOSTILE, on=False, reason=HOSTILE)
    decisions.close_case()
    return case


SCREENS = {"rules": ("R", "s", "s", "s", "s"), "rule": ("R", "s", "s", "s", "enter"),
           "matrix": ("M", "j")}  # fmt: skip


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("name", SCREENS)
def test_picture(
    snap_compare: Any, console: Make, hostile: Path, name: str, theme: str, size: tuple[int, int]
) -> None:
    async def run(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        await press(pilot, *(["t"] if theme == "light" else []), *SCREENS[name])
        await quiet(pilot)
        text = screen_text(pilot.app)
        assert text.isprintable() or set(text) - {"\n"} == {c for c in text if c.isprintable()}

    assert snap_compare(console(hostile), terminal_size=size, run_before=run)

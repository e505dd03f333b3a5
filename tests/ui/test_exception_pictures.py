"""Pictures of the exception editor and manager, with content that wants to harm in every field."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from textual.pilot import Pilot

from tests.conftest import ROOT
from tests.ui.helpers import NOW, press, screen_text, settled
from tests.ui.test_snapshots import quiet
from triage.case.schema import connect, transaction
from triage.exceptions import Entry, ExceptionList, Item, append_items
from triage.ui.app import Console
from triage.ui.draft import DAY

Make = Callable[..., Console]
SIZES = [(80, 24), (120, 36), (200, 60)]
HOSTILE = "[red]\x1b[31m\u202e[/][@click=app.quit]x[/]\x00{{a}}|\u200b漢字 \x9b2J"
RULE = "fce6c39a-0064-4cf3-98fc-11eea3a63acf"


@pytest.fixture
def hostile(case: Path) -> Path:
    """The case of the test with such text in every field of an alert, its events and its rule."""
    db = connect(str(case))
    with transaction(db):
        ((alert_id,),) = db.execute("SELECT id FROM alert ORDER BY time DESC LIMIT 1").fetchall()
        db.execute(
            "UPDATE alert SET rule_name = ?, host = ?, user = ?, process = ?, reason = ?"
            " WHERE id = ?",
            (*[HOSTILE] * 5, alert_id),
        )
        for id_, doc in db.execute(
            "SELECT e.id, doc FROM alert_event JOIN event e ON e.id = event_id WHERE alert_id = ?",
            (alert_id,),
        ).fetchall():
            assert isinstance(doc, bytes)
            event = orjson.loads(doc)
            event["user"] = {"name": HOSTILE}
            event["host"] = {"name": HOSTILE, "os": {"type": "windows"}}
            for name in ("executable", "command_line", "name"):
                event["process"][name] = HOSTILE
            event[HOSTILE] = HOSTILE
            db.execute("UPDATE event SET doc = ? WHERE id = ?", (orjson.dumps(event), id_))
            db.execute(
                "INSERT OR IGNORE INTO suppressed VALUES ('i0', ?, ?, ?, ?)",
                (HOSTILE, id_, NOW - DAY, HOSTILE),
            )
    db.close()
    return case


def items() -> list[Item]:
    entries = (
        Entry("process.command_line", "wildcard", (HOSTILE,)),
        Entry(HOSTILE.strip(), "match_any", (HOSTILE, "b"), "excluded"),
        Entry("process.code_signature", "nested", entries=(Entry("x", "match", (HOSTILE,)),)),
    )
    more: list[dict[str, Any]] = [
        {"rules": (RULE,), "created_at": NOW - 50 * DAY},
        {"rules": (HOSTILE,), "tags": (HOSTILE,), "created_at": NOW - 50 * DAY},
        {"enabled": False, "expire_time": NOW + DAY},
        {"expire_time": NOW - DAY},
    ]
    return [
        Item(f"i{place}", HOSTILE, entries[: place + 1], HOSTILE, created_by=HOSTILE, **one)
        for place, one in enumerate(more)
    ]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of the test's own, so that no path on a picture leads out of it."""
    for name in ("samples", "rules", "themes"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


NEW, MANAGER, ONE, EDIT = ("f",), ("X",), ("X", "enter"), ("X", "e")
PICTURES = {
    "new": ("g", *NEW), "manager": MANAGER, "one": ONE, "edit": EDIT,
    "new-light": ("t", "g", *NEW), "manager-light": ("t", *MANAGER),
}  # fmt: skip


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", PICTURES)
def test_picture(
    snap_compare: Any, console: Make, hostile: Path, here: Path, name: str, size: tuple[int, int]
) -> None:
    append_items(here / "lists" / "ours.toml", ExceptionList("ours", HOSTILE), items())

    async def run(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        await press(pilot, *PICTURES[name])
        await quiet(pilot)
        assert all(line.isprintable() for line in screen_text(pilot.app).split("\n"))

    app = console(hostile, exceptions=here / "lists")
    assert snap_compare(app, terminal_size=size, run_before=run)

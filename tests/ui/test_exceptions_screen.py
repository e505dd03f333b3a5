"""The exceptions manager: what each exception did and how it stands, and what is done about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import DETECTIONS
from tests.ui.helpers import NOW, Clock, hunt_into, press, screen_text, settled, until, write
from tests.ui.test_decide import toasts
from triage.case.decide import Decisions
from triage.case.exceptions import hits
from triage.case.read import CaseReader
from triage.exceptions import Entry, ExceptionList, Item, append_item, load_exceptions
from triage.ui.app import Console
from triage.ui.draft import DAY
from triage.ui.screens.exception import ExceptionEditor
from triage.ui.screens.exceptions import Exceptions
from triage.ui.screens.exceptions_lines import sparkline

Make = Callable[..., Console]
META = ExceptionList("ours", "Ours")
PATCH = Item(
    "patch",
    "Nightly patches",
    (Entry("user.name", "match", ("svc_patch",)),),
    comment="CHG-4411",
    created_at=NOW - 40 * DAY,
    created_by="ana",
    expire_time=NOW + 3 * DAY,
)
NEVER = replace(
    PATCH, item_id="never", name="Old scanner", rules=("gone",), expire_time=None,
    entries=(Entry("host.name", "match", ("scanner",)),),
)  # fmt: skip
NARROW = replace(
    PATCH, item_id="narrow", name="One host", created_at=NOW, expire_time=NOW - DAY,
    entries=(*PATCH.entries, Entry("host.name", "match", ("h",))),
)  # fmt: skip


@pytest.fixture(scope="module")
def excepted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case that was read with these exceptions in force; they lie beside it."""
    folder = tmp_path_factory.mktemp("excepted")
    for one in (PATCH, NEVER, NARROW):
        append_item(folder / "no-exceptions" / "ours.toml", META, one)
    hunt_into(folder / "c.triage", ["samples/logs"], DETECTIONS)
    return folder


@pytest.fixture
def manager(excepted: Path, tmp_path: Path, console: Make) -> Console:
    """A console on a copy of that case."""
    for path in (excepted / "c.triage", excepted / "no-exceptions" / "ours.toml"):
        goal = tmp_path / "m" / path.name
        goal.parent.mkdir(exist_ok=True)
        goal.write_bytes(path.read_bytes())
    return console(tmp_path / "m" / "c.triage", exceptions=tmp_path / "m")


def read(folder: Path, item_id: str) -> Item | None:
    items = (item for one in load_exceptions(folder / "m").lists for item in one.items)
    return next((item for item in items if item.item_id == item_id), None)


async def test_each_exception_says_what_it_did_and_how_it_stands(manager: Console) -> None:
    async with manager.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "X")
        assert isinstance(manager.screen, Exceptions)
        text = screen_text(manager)
        assert "3 exceptions · 1 active · 1 stale · 1 expired · 2 in conflict" in text
        assert "no rule gone is loaded" in text
        assert "hidden by a wider one: “Nightly patches” (ours.toml:" in text
        row = next(line for line in text.split("\n") if "Nightly patches" in line)
        reader = CaseReader(manager.desk.case)
        events = hits(reader)["patch"].events
        reader.close()
        assert events > 9
        assert f" {events} " in row
        assert "2026-03-12" in row
        assert "2026-03-15" in row  # until
        assert row.count("█") == 1

        await press(pilot, "enter")
        text = screen_text(manager)
        assert "What it kept out" in text
        assert "msiexec.exe" in text
        assert "user.name  is  svc_patch" in text
        await press(pilot, "G", "enter")
        assert "Event " in screen_text(manager)
        await press(pilot, "escape", "escape")

        await press(pilot, "slash")
        await write(pilot, "scanner")
        await press(pilot, "enter")
        assert "1 of 3 exceptions" in screen_text(manager)
        await press(pilot, "escape")
        await press(pilot, "s", "s", "s")
        assert "order: expiry" in screen_text(manager)


async def test_what_is_done_is_written_journalled_and_undone(
    manager: Console, tmp_path: Path
) -> None:
    before = read(tmp_path, "patch")
    assert before
    content = (tmp_path / "m" / "ours.toml").read_bytes()
    async with manager.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "X", "d")
        assert read(tmp_path, "patch") == replace(before, enabled=False)
        assert "disabled: Nightly patches" in toasts(manager)
        await until(pilot, lambda: "1 disabled" in screen_text(manager))
        await press(pilot, "d", "plus")
        assert read(tmp_path, "patch") == replace(before, expire_time=NOW + 93 * DAY)
        await press(pilot, "u")
        assert "undone: extended the exception 'Nightly patches'" in toasts(manager)
        assert read(tmp_path, "patch") == before
        await press(pilot, "u", "u")
        assert (tmp_path / "m" / "ours.toml").read_bytes() == content
        await press(pilot, "D", "n")
        assert read(tmp_path, "patch") == before
        await press(pilot, "D", "y")
        assert read(tmp_path, "patch") is None
        await until(pilot, lambda: "2 exceptions" in screen_text(manager))
        await press(pilot, "u")
        assert read(tmp_path, "patch") == before
        assert "the exception is in ours.toml again" in toasts(manager)
    reader = CaseReader(manager.desk.case)
    actions = [row[0] for row in reader.connection.execute("SELECT action FROM journal")]
    assert actions == ["exception"] * 3 + ["undo"] * 3 + ["exception", "undo"]
    reader.close()


async def test_an_exception_is_changed_in_the_editor(manager: Console, tmp_path: Path) -> None:
    async with manager.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "X", "e")
        assert isinstance(manager.screen, ExceptionEditor)
        text = screen_text(manager)
        assert "Exception “Nightly patches”" in text
        assert "every rule" in text
        assert "its entry is changed" in text
        await press(pilot, "enter")
        await write(pilot, "2")
        await press(pilot, "enter", "ctrl+s")
        if isinstance(manager.screen, ExceptionEditor):  # it names no program: once more
            await press(pilot, "ctrl+s")
        assert isinstance(manager.screen, Exceptions)
        found = read(tmp_path, "patch")
        assert found
        assert found.entries[0].values == ("svc_patch2",)
        assert found == replace(PATCH, entries=found.entries)
        await press(pilot, "u")
        assert read(tmp_path, "patch") == PATCH


async def test_what_somebody_changed_since_is_not_undone(manager: Console, tmp_path: Path) -> None:
    async with manager.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "X", "d")
        path = tmp_path / "m" / "ours.toml"
        path.write_text(path.read_text().replace("CHG-4411", "CHG-5000", 1))
        await press(pilot, "u")
        assert "was changed again since, and is left so" in toasts(manager)
        found = read(tmp_path, "patch")
        assert found
        assert not found.enabled
    assert Decisions(manager.desk.case, "jdoe", Clock()).undo() is None


async def test_a_broken_list_is_shown_and_can_not_be_changed(console: Make, tmp_path: Path) -> None:
    folder = tmp_path / "exceptions"
    folder.mkdir()
    (folder / "broken.toml").write_text('[[item]]\nname = "no entries"\n')
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "X")
        text = screen_text(app)
        assert "broken.toml:1" in text
        assert "needs at least one" in text
        assert "There are none yet: f on an alert makes one." in text
        await press(pilot, "d")
        assert "no exception under the cursor" in toasts(app)


def test_a_sparkline_shows_the_most_and_the_none() -> None:
    assert sparkline([0, 1, 4, 8]) == "·▁▄█"
    assert sparkline([0, 0]) == "··"
    assert sparkline([]) == ""

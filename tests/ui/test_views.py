"""Saved views: kept in a file of the user's, taken, renamed and deleted with few keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ui.helpers import main_screen, press, screen_text, settled, write
from triage.config import views_file
from triage.errors import TriageError
from triage.ui import views
from triage.ui.app import Console
from triage.ui.arrangement import SORTS
from triage.ui.filter_line import FilterInput
from triage.ui.grouping import GROUPINGS
from triage.ui.views import View

Make = Callable[..., Console]
typed = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=20)
saved = st.builds(
    View,
    name=typed.filter(bool),
    filter=typed,
    sort=st.sampled_from(sorted(SORTS)),
    group=st.sampled_from(["", *GROUPINGS]),
)


@given(found=st.lists(saved, max_size=4))
@settings(max_examples=60, deadline=None)
def test_what_is_saved_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, found: list[View]
) -> None:
    path = tmp_path_factory.mktemp("config") / "sub" / "views.toml"
    views.save(path, found)
    assert views.load(path) == found


def test_a_broken_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "views.toml"
    path.write_text("[[view]\nname =")
    with pytest.raises(TriageError, match=r"views\.toml:1"):
        views.load(path)
    path.write_text("view = 3\n")
    with pytest.raises(TriageError, match="tables"):
        views.load(path)


async def test_a_view_is_kept_and_taken_again(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "/")
        await write(pilot, "host:nw")
        await press(pilot, "enter", "b", "s", "S", "n")
        await write(pilot, "my night")
        await press(pilot, "enter")
        assert "host:nw · by cause · sort oldest" in screen_text(app)
        await press(pilot, "escape", "escape", "b", "s")
        assert main_screen(app).query_one(FilterInput).value == ""
        await press(pilot, "S", "1")
        store = app.desk.store
        assert main_screen(app).query_one(FilterInput).value == "host:nw"
        assert (store.sort, store.grouping) == ("oldest", "cause")
        await press(pilot, "S", "r")
        await write(pilot, "s")
        await press(pilot, "enter", "escape")
        assert [one.name for one in views.load(views_file())] == ["my nights"]
        await press(pilot, "S", "d")
        assert "d once more deletes my nights" in screen_text(app)
        await press(pilot, "d", "escape")
        assert views.load(views_file()) == []
        views_file().write_text("view = 1\n")
        await press(pilot, "S")
        assert app.screen is main_screen(app)
        assert "tables" in next(iter(app._notifications)).message

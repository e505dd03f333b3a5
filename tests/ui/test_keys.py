"""The key table: every action exists, no key means two things in one place, help tells all."""

from __future__ import annotations

from collections import Counter

import pytest

from triage.ui import keys
from triage.ui.alert_list import AlertList
from triage.ui.app import Console
from triage.ui.filter_line import FilterInput
from triage.ui.lines_view import LinesView
from triage.ui.screens.board import RiskBoard
from triage.ui.screens.dialogs import Choice
from triage.ui.screens.drill import Drill
from triage.ui.screens.exception import ExceptionEditor
from triage.ui.screens.exceptions import Exceptions
from triage.ui.screens.log_search import LogSearch
from triage.ui.screens.main import Main
from triage.ui.screens.matrix import Matrix
from triage.ui.screens.pager import Pager
from triage.ui.screens.palette import Palette
from triage.ui.screens.pick import Pick
from triage.ui.screens.rules import Rules
from triage.ui.screens.saved import SavedViews
from triage.ui.screens.sheets import help_lines
from triage.ui.screens.timeline import Timeline

OWNERS = {
    "list": Main,
    "filter": FilterInput,
    "rows": AlertList,
    "drill": Drill,
    "pane": LinesView,
    "sheet": Pager,
    "found": LogSearch,
    "timeline": Timeline,
    "board": RiskBoard,
    "rules": Rules,
    "matrix": Matrix,
    "editor": ExceptionEditor,
    "exceptions": Exceptions,
    "dialog": Choice,
    "picker": Palette,
    "pick": Pick,
    "views": SavedViews,
    "tour": Console,
}


@pytest.mark.parametrize("action", keys.ACTIONS, ids=lambda action: action.id)
def test_every_action_can_be_done_where_the_table_says(action: keys.Action) -> None:
    assert action.scopes
    for scope in action.scopes:
        owner: type[object] = OWNERS[scope]
        method = action.method
        if method.startswith("app."):
            owner, method = Console, method.removeprefix("app.")
        assert callable(getattr(owner, f"action_{method}", None)), f"{owner.__name__}: {method}"


@pytest.mark.parametrize("scope", keys.SCOPES)
def test_a_key_means_one_thing_in_one_place(scope: str) -> None:
    found = Counter(
        key for action in keys.ACTIONS if scope in action.scopes for key in action.keys.split(",")
    )
    assert [key for key, count in found.items() if count > 1] == []


def test_no_key_is_one_that_plain_terminals_can_not_tell_apart() -> None:
    used = {key for action in keys.ACTIONS for key in action.keys.split(",")}
    assert not used & {"ctrl+i", "ctrl+m", "ctrl+j", "ctrl+h", "ctrl+c"}


def test_help_tells_every_action() -> None:
    text = "\n".join(line.text for line in help_lines())
    for action in keys.ACTIONS:  # beside the number of a pane stands its name
        assert (action.label if action.id.startswith("pane.show_") else action.help) in text


def test_ids_are_unique() -> None:
    assert len(keys.BY_ID) == len(keys.ACTIONS)


def test_the_palette_finds_an_action_by_its_name_first() -> None:
    palette = Palette([action for action in keys.ACTIONS if "list" in action.scopes])
    for typed, wanted in (("und", "undo"), ("rules", "rules"), ("matrix", "matrix")):
        first = palette.found(typed)[0]
        assert first.item is not None
        assert first.item.key == wanted

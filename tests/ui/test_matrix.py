"""The ATT&CK matrix: right counts in the right cells, drawn into any room, a way to both sides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.ui.helpers import Clock, press, screen_text, settled, until
from tests.ui.test_rules_screen import row
from triage import attack
from triage.case.decide import Decisions
from triage.case.model import ThreatCount
from triage.case.read import CaseReader
from triage.ui.app import Console
from triage.ui.matrix import Cell, matrix
from triage.ui.matrix_view import MatrixView
from triage.ui.screens.main import Main
from triage.ui.screens.matrix import Matrix
from triage.ui.screens.rules import Rules

Make = Callable[..., Console]
PROXY = "TA0005 T1218 T1218.004 T1218.005"


def cell(rules: list[Any], alerts: list[ThreatCount], tactic: str, technique: str) -> Cell:
    column = next(one for one in matrix(rules, alerts) if one.tactic.id == tactic)
    return next(one for one in column.cells if one.technique.id == technique)


# Counting -----------------------------------------------------------------------------------------


def test_a_rule_counts_once_in_its_technique_and_in_each_below_it() -> None:
    found = cell([row("a", threat=PROXY), row("b", "off", threat=PROXY)], [], "TA0005", "T1218")
    assert found.own.rules == 1  # the one that is off covers nothing
    assert {id_: one.rules for id_, one in found.below.items()} == {"T1218.004": 1, "T1218.005": 1}


def test_alerts_add_up_and_the_worst_severity_colours() -> None:
    counts = [ThreatCount(PROXY, "low", 5, 2), ThreatCount("TA0005 T1218", "critical", 1, 1)]
    found = cell([], counts, "TA0005", "T1218")
    assert (found.own.alerts, found.own.open, found.own.severity) == (6, 3, "critical")
    assert (found.below["T1218.004"].alerts, found.below["T1218.004"].severity) == (5, "low")


def test_a_technique_counts_under_the_tactic_that_its_rule_names() -> None:
    rules = [row("a", threat="TA0003 T1053 T1053.005")]
    assert cell(rules, [], "TA0003", "T1053").own.rules == 1
    assert cell(rules, [], "TA0002", "T1053").own.rules == 0


def test_without_a_tactic_of_its_own_it_counts_under_all_it_serves() -> None:
    rules = [row("a", threat="TA0040 T1053")]  # it serves no impact
    served = attack.technique("T1053")
    assert served is not None
    for tactic in served.tactics:
        assert cell(rules, [], tactic, "T1053").own.rules == 1


def test_what_attack_does_not_know_counts_nowhere() -> None:
    columns = matrix([row("a", threat="TA0005 T9999 x")], [ThreatCount("T9999.1", "high", 1, 1)])
    assert not any(one.own.rules or one.own.alerts for column in columns for one in column.cells)


def test_columns_are_attacks_and_those_with_alerts_come_first() -> None:
    rules = [row("a", threat="TA0005 T1036"), row("b", threat="TA0005 T1218")]
    columns = matrix(rules, [ThreatCount("TA0005 T1027", "low", 1, 1)])
    assert [one.tactic.id for one in columns] == [one.id for one in attack.tactics()]
    evasion = next(one for one in columns if one.tactic.id == "TA0005")
    assert [one.technique.id for one in evasion.cells][:3] == ["T1027", "T1036", "T1218"]
    assert evasion.covered == 2
    assert len(evasion.cells) == 47


def test_harmless_alerts_are_no_heat(case: Path) -> None:
    reader, decisions = CaseReader(str(case)), Decisions(str(case), "jdoe", Clock())
    before = sum(one.alerts for one in reader.threat_counts())
    ids = [one.id for one in reader.alerts()]
    decisions.close(ids[:2], "false_positive")
    decisions.close(ids[2:3], "true_positive")
    after = reader.threat_counts()
    assert sum(one.alerts for one in after) == before - 2
    assert sum(one.open for one in after) == before - 3
    decisions.close_case()
    reader.close()


# The screen ---------------------------------------------------------------------------------------


async def opened(pilot: Pilot[Any]) -> MatrixView:
    await settled(pilot)
    await press(pilot, "M")
    assert isinstance(pilot.app.screen, Matrix)
    view = pilot.app.screen.query_one(MatrixView)
    await until(pilot, lambda: view.cell is not None)
    return view


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60), (400, 100)])
async def test_all_tactics_fit_into_any_screen(console: Make, size: tuple[int, int]) -> None:
    async with console().run_test(size=size) as pilot:
        view = await opened(pilot)
        heads = screen_text(pilot.app).split("\n")[1]
        assert len(heads) <= size[0]
        assert heads.lstrip("│ ").startswith("Reco")
        assert "Impa" in heads
        assert not view.show_horizontal_scrollbar
        text = screen_text(pilot.app)
        assert "T1218 System Binary Proxy Execution  Defense Evasion" in text  # where most are
        assert "16 alerts, 16 open, the worst high" in text


async def test_a_cell_leads_to_its_alerts(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await press(pilot, "j", "a")
        assert isinstance(app.screen, Main)
        assert len(app.desk.store) == 13  # T1127: the loud rule alone


async def test_a_cell_leads_to_its_rules(console: Make) -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await press(pilot, "j", "R")
        assert isinstance(pilot.app.screen, Rules)
        await until(pilot, lambda: "technique:T1127" in screen_text(pilot.app))
        assert "1 of 3 rules" in screen_text(pilot.app)
        await press(pilot, "escape")  # the filter it came with is no reason to stay
        assert isinstance(pilot.app.screen, Matrix)


async def test_enter_offers_sub_techniques(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await press(pilot, "enter")
        text = screen_text(app)
        assert "16 alerts" in text
        assert "13 alerts of T1218.005" in text
        await press(pilot, "j", "j", "enter")
        assert isinstance(app.screen, Main)
        assert len(app.desk.store) in (13, 16)


async def test_the_cursor_stays_within_the_matrix_and_in_sight(console: Make) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        view = await opened(pilot)
        await press(pilot, "G")
        assert view.cell is not None
        last = view.cell.technique.id
        assert last[1:] in screen_text(pilot.app).split("MITRE")[1].split("T" + last[1:])[0]
        await press(pilot, "l", "l", "l", "l", "l", "l", "l", "l", "l", "l")
        assert view.column is not None
        assert view.column.tactic.name == "Impact"
        await press(pilot, *"hhhhhhhhhhhhhhh", "g", "k")
        assert view.column.tactic.name == "Reconnaissance"
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, Matrix)  # nothing there to open: said, not shown


async def test_what_comes_new_is_drawn_and_the_cursor_stays(console: Make, case: Path) -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        view = await opened(pilot)
        decisions = Decisions(str(case), "mk", Clock())
        reader = CaseReader(str(case))
        decisions.close([one.id for one in reader.alerts()], "false_positive")
        reader.close()
        decisions.close_case()
        await until(pilot, lambda: view.cell is not None and not view.cell.own.alerts)
        assert view.cell is not None
        assert view.cell.technique.id == "T1218"
        assert "no alerts" in screen_text(pilot.app)

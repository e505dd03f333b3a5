"""The rules screen: what each rule does and costs, and what an analyst does about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests import events
from tests.ui.helpers import Clock, hunt_into, press, screen_text, settled, until, write
from triage.case.decide import Decisions
from triage.case.model import RuleState
from triage.case.read import CaseReader
from triage.case.write import CaseWriter
from triage.errors import Problem
from triage.rules import load_rules
from triage.ui import external
from triage.ui.app import Console
from triage.ui.rule_table import SORTS, RuleRow, narrowed, rule_rows
from triage.ui.screens.main import Main
from triage.ui.screens.rules import Rules, RuleSheet, check

Make = Callable[..., Console]
UNUSUAL = "Unusual Network Activity from a System Binary"


async def opened(pilot: Pilot[Any]) -> str:
    await settled(pilot)
    await press(pilot, "R")
    assert isinstance(pilot.app.screen, Rules)
    await until(pilot, lambda: "STATE" in screen_text(pilot.app))
    return screen_text(pilot.app)


def line_of(pilot: Pilot[Any], words: str) -> str:
    return next(line for line in screen_text(pilot.app).split("\n") if words in line)


@pytest.fixture
def decided(case: Path) -> Path:
    """Of the loud rule's thirteen alerts three are false positives and one is none."""
    reader, decisions = CaseReader(str(case)), Decisions(str(case), "jdoe", Clock())
    ids = [row.id for row in reader.alerts() if row.rule_name == UNUSUAL]
    decisions.close(ids[:3], "false_positive")
    decisions.close(ids[3:4], "true_positive")
    decisions.close_case()
    reader.close()
    writer = CaseWriter(str(case), Clock())
    rule = next(row.rule_id for row in CaseReader(writer.connection).rules() if row.name == UNUSUAL)
    writer.say_costs({rule: 0.000_012_5})
    writer.close()
    return case


async def test_every_rule_is_there_with_what_it_found_and_costs(
    console: Make, decided: Path
) -> None:
    async with console(decided).run_test(size=(120, 36)) as pilot:
        text = await opened(pilot)
        assert "3 rules  3 on" in text
        loud = line_of(pilot, UNUSUAL).split()
        assert loud[1:4] == ["●", "on", "M"]
        assert loud[-7:-1] == ["13", "9", "75%", "-", "12.50", "µs"]
        other = line_of(pilot, "InstallUtil Making Network").split()
        assert other[-6:-1] == ["1", "1", "-", "-", "-"]


async def test_space_switches_a_rule_off_with_a_reason_and_on_again(
    console: Make, case: Path
) -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await press(pilot, "j", "space")
        await write(pilot, "the patch agent, see CHG-4411")
        await press(pilot, "enter")
        await until(pilot, lambda: "1 off" in screen_text(pilot.app))
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, RuleSheet)
        text = " ".join(screen_text(pilot.app).split())
        assert "○ off jdoe, 2026-03-12 16:00:00 UTC: the patch agent, see CHG-4411" in text
        await press(pilot, "escape", "space")
        await until(pilot, lambda: "3 on" in screen_text(pilot.app))
    reader = CaseReader(str(case))
    assert [one.action for one in reader.switches().values()] == ["rule_on"]
    reader.close()


async def test_no_reason_no_switch(console: Make, case: Path) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await press(pilot, "space", "enter", "space", "escape")
    reader = CaseReader(str(case))
    assert not reader.switches()
    reader.close()


async def test_a_case_for_reading_switches_nothing(console: Make, case: Path) -> None:
    async with console(read_only=True).run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await press(pilot, "space")
        assert isinstance(pilot.app.screen, Rules)


async def test_u_in_the_list_takes_a_switch_back(console: Make, case: Path) -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await press(pilot, "space")
        await write(pilot, "loud")
        await press(pilot, "enter", "escape", "u")
        await until(pilot, lambda: isinstance(pilot.app.screen, Main))
    reader = CaseReader(str(case))
    assert not reader.switches()
    reader.close()


async def test_a_shows_the_alerts_of_the_rule(console: Make, case: Path) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await press(pilot, "s", "a")  # by alerts: the loudest first
        assert isinstance(app.screen, Main)
        assert len(app.desk.store) == 13


async def test_a_filter_narrows_as_one_types_and_escape_widens(console: Make) -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await press(pilot, "/")
        await write(pilot, "severity:high")
        await until(pilot, lambda: "1 of 3 rules" in screen_text(pilot.app))
        assert UNUSUAL not in screen_text(pilot.app)
        await press(pilot, "enter", "escape")
        await until(pilot, lambda: "1 of 3" not in screen_text(pilot.app))
        assert isinstance(pilot.app.screen, Rules)


async def test_enter_shows_text_and_guide(console: Make) -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await press(pilot, "s", "enter")
        text = screen_text(pilot.app)
        assert "sequence by process.entity_id" in text
        await press(pilot, "/")
        await write(pilot, "false positive analysis")
        await press(pilot, "enter")
        assert "false positive analysis" in screen_text(pilot.app).lower()


async def test_editing_checks_the_file(
    console: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = events.write_rule(tmp_path / "rules" / "mine.toml")
    log = events.write(tmp_path / "a.ndjson", [events.start(1, "p", "beacon.exe")])
    case = tmp_path / "mine.triage"
    hunt_into(case, [str(log)], [rule])
    monkeypatch.setattr(external, "edit", lambda _app, path: breaks(path))
    async with console(case).run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await press(pilot, "e")
        await until(pilot, lambda: "What is wrong in mine.toml" in screen_text(pilot.app))
        assert "error" in screen_text(pilot.app)


def breaks(path: Path) -> str:
    path.write_text(path.read_text().replace("sequence by", "sequenze by"))
    return ""


def test_check_tells_errors_before_warnings(tmp_path: Path) -> None:
    good = events.write_rule(tmp_path / "good.toml")
    assert not [one for one in check(good) if one.severity == "error"]
    breaks(good)
    found: list[Problem] = check(good)
    assert found[0].severity == "error"
    assert found[0].line


# The table ----------------------------------------------------------------------------------------


def row(name: str, state: str = "on", **changes: Any) -> RuleRow:
    rule = RuleState(f"id-{name}", name, "high", f"/r/{name}.toml", True, "", 0, 0)
    given: dict[str, Any] = {"switch": None, "cost": 0.0, "error": "", **changes}
    fields = {key: given.pop(key) for key in list(given) if key in RuleState.__slots__}
    values = {slot: getattr(rule, slot) for slot in RuleState.__slots__}
    return RuleRow(RuleState(**{**values, **fields}), state, **given)


def test_rows_sort_by_every_column() -> None:
    rows = [
        row("b", alerts=5, closed=4, false_positives=1, cost=0.1, severity="low"),
        row("a", "off", alerts=1, closed=1, false_positives=1, cost=0.3),
        row("c", "broken", alerts=0, cost=0.2, severity="critical"),
    ]
    orders = {name: narrowed(rows, "", name) for name in SORTS}
    assert {name: "".join(one.rule.name for one in found) for name, found in orders.items()} == {
        "name": "abc", "alerts": "bac", "false positives": "abc", "cost": "acb", "state": "cab",
        "severity": "cab",
    }  # fmt: skip


def test_words_and_fields_narrow() -> None:
    rows = [
        row("beacon", threat="TA0005 T1218 T1218.004"),
        row("office", "off", error="line 3: no such field"),
    ]
    for text, names in (
        ("", "beacon office"), ("BEA", "beacon"), ("state:off", "office"), ("such", "office"),
        ("technique:t1218", "beacon"), ("technique:T1218.005", ""),
        ("severity:high state:on", "beacon"),
    ):  # fmt: skip
        assert " ".join(one.rule.name for one in narrowed(rows, text, "name")) == names, text


def test_a_file_that_holds_no_rule_is_told_with_its_error(case: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[rule\n")
    writer = CaseWriter(str(case), Clock())
    loaded = load_rules([Path("rules"), broken])
    listed = Problem(str(tmp_path / "exceptions" / "x.toml"), 1, 1, "an exception list's problem")
    writer.say_rules(loaded.rules, [*loaded.problems, listed])
    reader = CaseReader(writer.connection)
    rows = rule_rows(reader, tmp_path / "exceptions")
    assert [(one.rule.name, one.state) for one in rows if one.error] == [("broken.toml", "broken")]
    assert len(rows) == len(loaded.rules) + 1
    writer.close()

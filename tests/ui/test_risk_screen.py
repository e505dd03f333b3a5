"""The risk board, and an incident on the screen."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import events
from tests.conftest import ROOT
from tests.ui.conftest import SAMPLES
from tests.ui.helpers import (
    NOW,
    Clock,
    hunt_into,
    main_screen,
    press,
    row_of,
    screen_text,
    settled,
    until,
    write,
)
from triage import times
from triage.case.board import Board, board
from triage.case.decide import Decisions
from triage.case.read import CaseReader
from triage.case.schema import connect
from triage.ui.app import Console
from triage.ui.lines_view import LinesView
from triage.ui.screens.board import RiskBoard, course
from triage.ui.screens.drill import Drill
from triage.ui.screens.exception import ExceptionEditor

Make = Callable[..., Console]
DAY = 24 * 3600
RULE = "Risk Threshold Exceeded in 24 Hours"


@pytest.fixture(scope="session")
def risk_samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples with all bundled rules, made once."""
    path = tmp_path_factory.mktemp("risk") / "samples.triage"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        hunt_into(path, [SAMPLES], [Path("rules")])
    return path


@pytest.fixture
def risky(risk_samples: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(risk_samples, tmp_path / "risky.triage"))


@pytest.fixture
def spread(tmp_path: Path) -> Path:
    """Alerts of two rules on two hosts over nine days."""
    ten = events.write_rule(tmp_path / "rules" / "ten.toml", 'process where process.name == "a"')
    ten.write_text(ten.read_text("utf-8").replace("= 73", "= 10"), "utf-8")
    events.write_rule(tmp_path / "rules" / "big.toml", 'process where process.name == "b"', "Big")
    docs = [
        events.start(day * DAY + n, f"p{day}-{n}", name, **{"host.name": host})
        for n, (day, name, host) in enumerate(
            [
                *((0, "b", "old"), (2.5, "b", "pc-1"), (3, "a", "pc-1"), (8, "a", "pc-1")),
                *((8.5, "a", "PC-1"), (9, "b", "pc-2")),
            ]
        )
    ]
    log = events.write(tmp_path / "log.ndjson", docs)
    path = tmp_path / "spread.triage"
    hunt_into(path, [str(log)], [tmp_path / "rules"])
    return path


def read(path: Path, now: int = NOW, **how: bool) -> Board:
    db = connect(str(path))
    try:
        return board(db, now, **how)
    finally:
        db.close()


def test_the_board_looks_back_from_the_newest_alert(spread: Path) -> None:
    found = read(spread)
    assert found.until == events.START + (9 * DAY + 5) * times.SECOND
    hosts = [one for one in found.entities if one.kind == "host"]
    # "old" has nothing in these seven days; one host may be written in two ways.
    assert [(one.name.lower(), one.day, one.week, one.alerts) for one in hosts] == [
        ("pc-2", 73.0, 73.0, 1),
        ("pc-1", 10.0, 103.0, 4),
    ]
    pc1 = hosts[1]
    assert [(one.rule_name, one.alerts, one.score) for one in pc1.shares] == [
        ("Big", 1, 73.0),
        ("Beacon", 3, 30.0),
    ]
    assert pc1.tactics == ("TA0005",)
    assert sum(pc1.course) == 103.0
    assert pc1.course[-3:] == (10.0, 0.0, 0.0)
    by_week = [one.name.lower() for one in read(spread, by_week=True).entities]
    assert by_week == ["nordwind\\mara", "pc-1", "pc-2"]


def test_alerts_of_the_future_do_not_move_the_board(spread: Path) -> None:
    now = events.START + 4 * DAY * times.SECOND
    assert read(spread, now).until == events.START + (3 * DAY + 2) * times.SECOND
    assert read(spread, 5).until > now  # a clock before all alerts is the one that is wrong


def test_what_is_closed_as_nothing_leaves_the_board(spread: Path) -> None:
    reader = CaseReader(str(spread))
    big = [row.id for row in reader.alerts() if row.rule_name == "Big"]
    mara = Decisions(str(spread), "mara", Clock())
    for reason, week in (("true_positive", 103.0), ("benign_positive", 30.0), ("other", 103.0)):
        mara.close(big, reason)
        pc1 = next(one for one in read(spread).entities if one.name.lower() == "pc-1")
        assert pc1.week == week
        assert pc1.nothing == (reason == "benign_positive")


def test_a_course_shows_when() -> None:
    assert course((0, 10, 0, 80)) == "·▂·█"
    assert course((0, 0)) == "  "


async def test_from_the_board_to_the_alerts(console: Make, risky: Path) -> None:
    app = console(risky)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "B")
        on_board: object = app.screen
        assert isinstance(on_board, RiskBoard)
        text = screen_text(app)
        assert "up to 2026-03-12 15:07:14 UTC, the newest alert" in text
        assert "▲ NORDWIND\\l.brandt" in text
        assert "Defense Evasion" in text
        await press(pilot, "j", "j", "space")
        assert "   80  ×1    Windows InstallUtil Remote Network Connection" in screen_text(app)
        assert "▲ 1 incident, 1 open" in screen_text(app)
        await press(pilot, "enter")
        assert app.screen is main_screen(app)
        assert {row.user for row in app.desk.store} == {"NORDWIND\\l.brandt"}
        assert len(app.desk.store) == 4  # three alerts, and what they add up to


async def test_the_board_follows_decisions(console: Make, risky: Path) -> None:
    app = console(risky)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "B")
        assert "24 h   470" in screen_text(app)
        ids = [row.id for row in app.desk.readers.here().alerts() if row.host == "nw-srv-app02"]
        other = Decisions(str(risky), "sam", Clock())
        other.close(ids[:3], "false_positive")
        await until(pilot, lambda: "24 h   470" not in screen_text(app))
        await press(pilot, "s")
        assert "most risk in 7 days first" in screen_text(app)


async def test_an_exception_from_an_incident_is_of_its_alerts(console: Make, risky: Path) -> None:
    app = console(risky)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "/")
        await write(pilot, f'rule:"{RULE}" user:brandt')
        await press(pilot, "enter", "f")
        assert "made of alerts" in screen_text(app)
        assert "2  Windows InstallUtil Remote Network Connection  1 alert" in screen_text(app)
        await press(pilot, "2")
        editor: object = app.screen
        assert isinstance(editor, ExceptionEditor)
        text = screen_text(app)
        assert "Windows InstallUtil Remote Network Connection" in text
        assert RULE not in text
        await press(pilot, "escape")
        assert not isinstance(app.screen, ExceptionEditor)
        assert main_screen(app).is_active


async def test_a_row_says_whose_risk_it_tells(console: Make, risky: Path) -> None:
    app = console(risky)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "/")
        await write(pilot, f'rule:"{RULE}"')
        await press(pilot, "enter")
        rows = screen_text(app).split("\n")
        assert [" user: Risk Thr" in row for row in rows].count(True) == 2
        assert [" host: Risk Thr" in row for row in rows].count(True) == 2


async def test_techniques_of_a_host_are_counted_without_its_incidents(
    console: Make, risky: Path
) -> None:
    app = console(risky)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "/")
        await write(pilot, "rule:installutil host:ws-014")
        await press(pilot, "enter", "enter", "5", "z")
        text = screen_text(app)
        assert "Also on NW-WS-014" in text
        assert "Unusual Network Activity" in text
        assert RULE not in text


async def test_an_incident_shows_its_alerts_and_opens_them(console: Make, risky: Path) -> None:
    app = console(risky)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "/")
        await write(pilot, f'rule:"{RULE}" user:brandt')
        await press(pilot, "enter", "enter", "z")
        assert "Its alerts" in screen_text(app)
        assert "within 24 h" in screen_text(app)
        drill = app.screen
        assert isinstance(drill, Drill)
        pane = app.focused
        assert isinstance(pane, LinesView)
        while pane.item is None or pane.item.kind != "alert":
            await press(pilot, "j")
        await press(pilot, "enter", "z", "G")
        assert isinstance(app.screen, Drill)
        assert app.screen is not drill
        assert row_of(risky, app.screen.alert_id).rule_name != RULE
        assert "Part of" in screen_text(app)

"""The health screen: it follows the news, and whatever could not be read can be opened and read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ui.helpers import Clock, hunt_into, press, screen_text, settled, until
from triage.case.model import EngineState, SourceState
from triage.case.read import CaseReader
from triage.case.write import CaseWriter
from triage.errors import Reject
from triage.times import SECOND
from triage.ui.app import Console
from triage.ui.screens.health import Health
from triage.ui.screens.health_lines import health_lines
from triage.ui.screens.health_logs import reject_lines

Make = Callable[..., Console]
HOSTILE = b'{"a\x1b]0;pwned\x07": [/] [@click=app.quit]x[/] \xe2\x80\xae\xff'


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A case on a folder with a good log, one broken in part, one that can not be unpacked, and a
    file that is no log."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "good.ndjson").write_bytes(b'{"@timestamp": "2026-01-01T00:00:00Z"}\n')
    (logs / "half.ndjson").write_bytes(
        b'{"@timestamp": "2026-01-01T00:00:00Z"}\n' + HOSTILE + b"\n"
    )
    (logs / "noise.bin").write_bytes(bytes(range(256)) * 40)
    (logs / "old.rar").write_bytes(b"Rar!\x1a\x07\x01\x00" * 40)
    case = tmp_path / "broken.triage"
    hunt_into(case, [str(logs)], [Path("rules")])
    return case


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_a_record_that_can_not_be_read_is_opened_and_read(
    console: Make, broken: Path, size: tuple[int, int]
) -> None:
    app = console(broken, roots=["logs"])
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        assert "▲ 1 log refused" in screen_text(app)
        await press(pilot, "exclamation_mark")
        text = screen_text(app)
        assert "✗ old.rar" in text
        assert "✗ noise.bin" not in text
        assert "not a log" in text
        assert "● half.ndjson" in text
        assert "last: not JSON" in text
        await press(pilot, "enter")  # the cursor begins at the worst log
        assert "packed with RAR: unpack it first" in screen_text(app)
        await press(pilot, "escape", "j", "enter")
        assert "half.ndjson" in screen_text(app)
        await press(pilot, "G", "enter")
        text = screen_text(app)
        assert "Record that can not be read" in text
        assert "place      byte 39" in text
        assert '{"a\\x1b]0;pwned\\x07": [/] [@click=app.quit]x[/] \\u202e\\xff' in text
        assert "7b 22 61 1b 5d 30" in text
        assert all(char.isprintable() or char == "\n" for char in text)
        await press(pilot, "escape", "escape", "escape")
        assert "Alerts" in screen_text(app)


async def test_f34_a_file_that_is_no_log_is_said_once_and_not_held_against_the_engine(
    console: Make, case: Path, clock: Clock
) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        writer = CaseWriter(str(case), clock)
        manifest = SourceState("/logs/MANIFEST.json", "", "not a log", "JSON …", 0, 9, 0, 0)
        writer.say(EngineState(state="live", at=clock(), events=1), [manifest])
        await until(pilot, lambda: bool(app._notifications))
        assert ["1 file here is no log" in one.message for one in app._notifications] == [True]
        assert "▲" not in screen_text(app)
        app.clear_notifications()
        writer.say(EngineState(state="live", at=clock(), lag_bytes=700_000), [manifest])
        writer.close()
        await until(pilot, lambda: "lag 0.7 MB" in screen_text(app))
        assert not list(app._notifications)


async def test_it_follows_the_news_and_keeps_its_cursor(console: Make, broken: Path) -> None:
    app = console(broken)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "exclamation_mark", "j")
        assert isinstance(app.screen, Health)
        reader = CaseReader(str(broken))
        state, sources = reader.engine(), reader.sources()
        reader.close()
        behind = [
            replace(one, state="reading", lag=12_345_678, behind_since=Clock()() - 95 * SECOND)
            for one in sources[:1]
        ]
        writer = CaseWriter(str(broken), Clock())
        writer.say(replace(state, lag_bytes=12_345_678), [*behind, *sources[1:]])
        await until(pilot, lambda: "12 MB 2 min" in screen_text(app))
        assert "behind 12 MB, 2 min" in screen_text(app)
        writer.close()
        await pilot.resize_terminal(80, 24)
        await settled(pilot)
        assert all(len(row) <= 80 for row in screen_text(app).splitlines())
        assert "GAPS" not in screen_text(app)


def text_of(case: Path, width: int = 116) -> str:
    reader = CaseReader(str(case))
    try:
        lines = health_lines(reader, "", [], [], Clock()(), width)
        return "\n".join(line.text for line in lines)
    finally:
        reader.close()


def test_costs_are_told_by_the_rules_names(broken: Path) -> None:
    reader = CaseReader(str(broken))
    first, second, *_ = reader.rules()
    reader.close()
    writer = CaseWriter(str(broken), Clock())
    state = EngineState(
        state="live", at=Clock()(), evicted=1200, evicted_by={first.rule_id: 1200},
        evicted_at={"key": 200, "rule": 1000},
        slowest={second.rule_id: 0.004}, sampled=1000, memory=123_000_000,
    )  # fmt: skip
    writer.say(state)
    writer.close()
    text = text_of(broken)
    assert f"1,200  {first.name}" in text
    assert "1,200 given up at a limit (200 at 5,000 a key, 1,000 at 100,000 a rule)" in text
    assert f"4.00 µs an event  {second.name}" in text
    assert "123 MB" in text


def test_thousands_of_logs_are_not_all_shown_but_the_bad_are(broken: Path) -> None:
    writer = CaseWriter(str(broken), Clock())
    many = [
        SourceState(f"/l/{number:05}.ndjson", "ecs", "idle", "", 1, 1, 1, 0)
        for number in range(2000)
    ]
    many[1999] = replace(many[1999], state="unreadable", reason="Permission denied")
    writer.say(EngineState(state="live", at=Clock()()), many)
    writer.close()
    text = text_of(broken, 76)
    assert text.index("01999.ndjson") < text.index("00000.ndjson")
    assert "… and 1,700 more" in text
    assert all(len(row) <= 76 for row in text.splitlines() if row.startswith("●"))


def test_a_record_of_which_nothing_is_left_says_so() -> None:
    lines = reject_lines(Reject("/l/x.evtx", 7, 0, "chunk 3 is damaged", b""))
    text = "\n".join(line.text for line in lines)
    assert "chunk 3 is damaged" in text
    assert "nothing of it could be kept" in text

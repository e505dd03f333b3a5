"""An analyst's whole way, from opening the console to a decision, on logs of real attacks: what is
needed to understand is on the screen, and the keys are counted.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.conftest import DETECTIONS
from tests.ui.helpers import Clock, add_alerts, hunt_into, press, screen_text, settled, until, write
from triage.case.model import AlertRow
from triage.case.read import CaseReader
from triage.case.verify import open_case, verify
from triage.run import Config, Engine, hunt
from triage.sources import Follower
from triage.ui.app import Console

pytestmark = pytest.mark.shared

Make = Callable[..., Console]
INSTALLUTIL = "otrf/covenant_installutil.zip"
LOGS = (
    INSTALLUTIL,
    "evtx-attack-samples/exec_persist_rundll32_mshta_scheduledtask_sysmon_1_3_11.evtx",
    "evtx-attack-samples/sysmon_mshta_sharpshooter_stageless_meterpreter.evtx",
    "evtx-attack-samples/LM_DCOM_MSHTA_LethalHTA_Sysmon_3_1.evtx",
    "evtx-attack-samples/panache_sysmon_vs_EDRTestingScript.evtx",
)
ELASTIC = (
    "defense_evasion_installutil_beacon.toml",
    "defense_evasion_network_connection_from_windows_binary.toml",
)
# The five detections the console was made for: Elastic's own files, and those that are bundled.
FOUNDING = (
    "InstallUtil Process Making Network Connections",
    "InstallUtil Making Network Connections",
    "Unusual Network Activity from a Windows System Binary",
    "Unusual Network Activity from a System Binary",
    "Windows InstallUtil Remote Network Connection",
)
MOST_KEYS = 10  # from opening to decided
STORM = 500


def rules(shared: Path) -> list[Path]:
    return [*DETECTIONS, *(shared / "elastic-rules" / name for name in ELASTIC)]


@pytest.fixture(scope="module")
def real_case(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("real") / "real.triage"
    hunt_into(path, [str(shared / "logs" / name) for name in LOGS], rules(shared))
    return path


@pytest.fixture
def case(real_case: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(real_case, tmp_path / "own.triage"))


class Analyst:
    """Presses keys one after the other, and counts them."""

    def __init__(self, pilot: Pilot[Any], app: Console) -> None:
        self._pilot, self._app = pilot, app
        self.keys: list[str] = []

    async def press(self, *keys: str) -> str:
        """What the screen shows after these keys, the list first and then what is beside it, and
        without line breaks and frames."""
        self.keys += keys
        await press(self._pilot, *keys)
        lines = [line.partition("││") for line in screen_text(self._app).splitlines()]
        text = [left for left, _, _ in lines] + [right for _, _, right in lines]
        return " ".join(" ".join(text).replace("│", " ").split())

    async def walk_to(self, wanted: Callable[[AlertRow], bool]) -> str:
        """Go to an alert from the nearer end of the list; its id."""
        store = self._app.desk.store
        place = next(at for at, row in enumerate(store) if wanted(row))
        up = ["G", *["k"] * (len(store) - 1 - place)]
        await self.press(*min(["j"] * place, up, key=len))
        return store[place].id


def of_host(case: Path, host: str) -> list[AlertRow]:
    reader = CaseReader(str(case))
    try:
        return [row for row in reader.alerts() if row.host.startswith(host)]
    finally:
        reader.close()


def alerts_of(logs: Path, book: list[Path], exceptions: Path) -> list[str]:
    """The rules that alert on these logs, read anew while the exceptions hold."""
    follower = Follower([logs], once=True)
    engine = Engine(Config(tuple(book), exceptions), ":memory:", follower, Clock())
    try:
        found = set(hunt(engine, lambda: None))
        rows = CaseReader(engine.writer.connection).alerts()
        return [row.rule_name for row in rows if row.id in found]
    finally:
        engine.close()


@pytest.mark.parametrize("rule", FOUNDING)
async def test_a_true_positive_is_understood_and_closed(
    console: Make, case: Path, rule: str
) -> None:
    """The list, the tree, the connections, the guide; then acknowledged and closed."""
    app = console(case)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        analyst = Analyst(pilot, app)
        alert_id = await analyst.walk_to(lambda row: row.rule_name == rule)
        text = await analyst.press()
        assert rule in text
        assert "InstallUtil.exe" in text  # the process and its command line
        assert "WORKSTATION5" in text
        tree = await analyst.press("2")
        assert "cmd.exe" in tree  # who started it
        assert "GruntHTTP.exe" in tree  # and who started that
        assert "10.10.10.5" in await analyst.press("3")  # whom it talked to
        assert "Possible investigation steps" in await analyst.press("6")
        await analyst.press("c", "t")

        assert len(analyst.keys) <= MOST_KEYS, analyst.keys
        [row] = [one for one in of_host(case, "WORKSTATION5") if one.id == alert_id]
        assert (row.status, row.close_reason) == ("closed", "true_positive")
        journal = await analyst.press("J")
        assert "jdoe" in journal
        assert "true positive" in journal
    assert not verify(open_case(case)).faults


@pytest.mark.parametrize("rule", FOUNDING)
async def test_a_harmless_one_becomes_an_exception(
    console: Make, case: Path, rule: str, shared: Path, tmp_path: Path
) -> None:
    """What is saved hides the alert when the same logs are read again, and no other rule's."""
    app = console(case)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        analyst = Analyst(pilot, app)
        alert_id = await analyst.walk_to(lambda row: row.rule_name == rule)
        editor = await analyst.press("f")
        assert "would have hidden 1 of" in editor
        assert "0 of other rules" in editor
        await analyst.press("ctrl+s")
        await write(pilot, "red team exercise CHG-77")
        await analyst.press("enter")
        assert len(analyst.keys) <= MOST_KEYS, analyst.keys
        [row] = [one for one in of_host(case, "WORKSTATION5") if one.id == alert_id]
        assert (row.status, row.close_reason) == ("closed", "false_positive")

    before = [row.rule_name for row in of_host(case, "WORKSTATION5")]
    after = alerts_of(shared / "logs" / INSTALLUTIL, rules(shared), tmp_path / "exceptions")
    assert sorted(before) == sorted(FOUNDING)
    assert sorted(after) == sorted(set(FOUNDING) - {rule})


@pytest.mark.parametrize(
    ("host", "process", "talked_to"),
    [
        ("IEWIN7", "mshta.exe", "10.0.2.18"),
        ("MSEDGEWIN10", "mshta.exe", "93.184.220.29"),
        ("MSEDGEWIN10", "regsvr32.exe", "151.101.0.133"),
    ],
)
async def test_system_binaries_on_a_small_terminal(
    console: Make, case: Path, host: str, process: str, talked_to: str
) -> None:
    """80x24 shows the list alone: enter opens one pane, and the others are one key away."""
    app = console(case)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        analyst = Analyst(pilot, app)
        alert_id = await analyst.walk_to(lambda row: row.host == host and row.process == process)
        assert "Unusual Network Activity" in await analyst.press("1")
        assert f"▶ {process}" in await analyst.press("2")
        assert talked_to in await analyst.press("3")
        await analyst.press("c", "t")
        assert len(analyst.keys) <= MOST_KEYS, analyst.keys
        [row] = [one for one in of_host(case, host) if one.id == alert_id]
        assert (row.status, row.close_reason) == ("closed", "true_positive")


async def test_a_storm_is_decided_in_three_keys(console: Make, case: Path) -> None:
    """Five hundred of one cause: grouped, closed, reason. What else there is stays open."""
    [like] = [row for row in of_host(case, "WORKSTATION5") if row.rule_name == FOUNDING[0]]
    others = {row.id for row in of_host(case, "")} - {like.id}
    storm = [
        {"id": f"storm-{number:03}", "time": like.time + number * 10**9, "host": f"WS-{number}"}
        for number in range(STORM - 1)
    ]
    add_alerts(case, storm, like=like.id)
    app = console(case)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await until(pilot, lambda: len(app.desk.store) == STORM + len(others))
        analyst = Analyst(pilot, app)
        assert "500 ○500" in await analyst.press("b")
        await analyst.press("c", "b")
        assert len(analyst.keys) == 3
        closed = {row.id for row in of_host(case, "") if row.close_reason == "benign_positive"}
        assert len(closed) == STORM
        assert not closed & others

"""Real logs of Windows beside Sysmon: Elastic's own rules alert on what was done there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from triage.case.read import CaseReader
from triage.run import Config, Engine, hunt
from triage.sources import Follower

pytestmark = pytest.mark.shared

RULES = (
    "credential_access_cmdline_dump_tool",
    "credential_access_machine_account_smb_relay",
    "discovery_net_share_discovery_winlog",
    "discovery_net_view",
    "lateral_movement_remote_service_installed_winlog",
    "lateral_movement_remote_task_creation_winlog",
    "persistence_service_windows_service_winlog",
    "persistence_temp_scheduled_task",
)


def alerts(shared: Path, logs: str, tmp_path: Path) -> Counter[str]:
    folder = shared / "elastic-rules"
    rules = tuple(folder / f"{name}.toml" for name in RULES)
    engine = Engine(
        Config(rules, tmp_path / "none"), ":memory:", Follower([shared / "logs" / logs], once=True)
    )
    try:
        assert len(engine.book.rules) == len(RULES), engine.book.problems
        found = set(hunt(engine, lambda: None))
        rows = CaseReader(engine.writer.connection).alerts()
        return Counter(row.rule_name for row in rows if row.id in found)
    finally:
        engine.close()


def test_what_was_done_with_security_logs_on_is_found(shared: Path, tmp_path: Path) -> None:
    assert alerts(shared, "mdecrevoisier", tmp_path) == {
        "Potential Machine Account Relay Attack via SMB": 2,
        "Potential Network Share Discovery": 20,
        "Temporarily Scheduled Task Creation": 1,
        "Potential Credential Access via Windows Utilities": 1,
        "Windows Network Enumeration": 1,
    }

"""Real logs of real attacks, handed over in every format: each is valid, and the page harmless."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import stix2

from tests.export.conftest import Make
from tests.export.test_data_formats import finding_schema, lines_of, text_of
from tests.export.test_reports import harmless
from tests.ui.helpers import hunt_into
from triage.export import BY_NAME

__all__ = ["finding_schema"]  # a fixture
LOGS = (
    "hayabusa-sample/T1218.004_SignedBinaryProxyExecutionInstallUtil_Sysmon.evtx",
    "evtx-attack-samples/exec_persist_rundll32_mshta_scheduledtask_sysmon_1_3_11.evtx",
    "evtx-attack-samples/sysmon_mshta_sharpshooter_stageless_meterpreter.evtx",
    "evtx-attack-samples/LM_DCOM_MSHTA_LethalHTA_Sysmon_3_1.evtx",
)


@pytest.fixture(scope="module")
def real_case(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("real") / "real.triage"
    rules = [Path("rules"), *sorted((shared / "elastic-rules").glob("*mshta*.toml"))]
    hunt_into(path, [str(shared / "logs" / name) for name in LOGS], rules)
    return path


@pytest.mark.shared
def test_real_logs_are_valid_in_every_format(
    real_case: Path,
    select: Make,
    finding_schema: object,
) -> None:
    selection = select(real_case)
    assert len(selection.rows) > 5
    stix2.parse(text_of("stix", selection), allow_custom=False)
    for finding in lines_of("ocsf", selection):
        assert not list(finding_schema.iter_errors(finding))  # type: ignore[attr-defined] # a validator
    page = harmless("".join(BY_NAME["html"].write(selection)))
    assert all(row.rule_name in page.text for row in selection.rows)
    for name in ("ndjson", "timesketch"):
        assert lines_of(name, selection)
    assert json.loads(text_of("navigator", selection))["techniques"]
    assert text_of("csv", selection).count("\r\n") == len(selection.rows) + 1

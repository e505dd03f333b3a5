"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# The bundled rules that read events. What the risk rules make of their alerts has tests of its own.
DETECTIONS = [
    Path("rules", one.name)
    for one in sorted((ROOT / "rules").glob("*.toml"))
    if not one.name.startswith("risk_")
]
# A screen must look the same wherever the tests run.
for name in (
    *("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL", "TEXTUAL_DRIVER", "FORCE_COLOR"),
    *("COLUMNS", "LINES"),  # a terminal of a test says its own size
):
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared test data; the test is skipped where it is absent."""
    folder = Path(os.environ.get("TRIAGE_SHARED") or ROOT.parent / "shared")
    if not (folder / "README.md").is_file():
        pytest.skip(f"shared test data is absent ({folder}); set TRIAGE_SHARED to its folder")
    return folder

"""Fixtures of the tests of following."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources.following import Watch


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "sysmon.ndjson"


@pytest.fixture
def watch(log: Path) -> Iterator[Watch]:
    log.parent.mkdir()
    found = Watch(log.parent)
    yield found
    found.follower.close()

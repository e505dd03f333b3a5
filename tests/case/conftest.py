"""A case with three alerts, and somebody to decide on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import events
from triage.case.decide import Decisions
from triage.case.read import CaseReader
from triage.run import Config, Engine, hunt
from triage.sources import Follower


class Clock:
    """A clock that moves on by a second each time it is asked."""

    def __init__(self) -> None:
        self.now = events.START

    def __call__(self) -> int:
        self.now += 10**9
        return self.now


@pytest.fixture
def case(tmp_path: Path) -> str:
    """A case with three alerts of one rule."""
    rule = events.write_rule(tmp_path / "rules" / "beacon.toml")
    docs = [
        doc
        for n in range(3)
        for doc in (
            events.start(n * 10, f"p{n}", "beacon.exe"),
            events.connect(n * 10 + 1, f"p{n}", "beacon.exe"),
        )
    ]
    log = events.write(tmp_path / "log.ndjson", docs)
    path = str(tmp_path / "test.triage")
    config = Config((rule,), tmp_path / "exceptions")
    engine = Engine(config, path, Follower([log], once=True), Clock())
    assert len(list(hunt(engine, lambda: None))) == 3
    engine.close()
    return path


@pytest.fixture
def reader(case: str) -> CaseReader:
    return CaseReader(case)


@pytest.fixture
def mara(case: str) -> Decisions:
    return Decisions(case, "mara", Clock())


def ids(reader: CaseReader) -> list[str]:
    return [row.id for row in sorted(reader.alerts(), key=lambda row: row.time)]

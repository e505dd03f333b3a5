"""Checkpoints: beside the writer, and by the writer where nobody else makes them."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import apsw
import pytest

from triage.case.checkpoints import Checkpoints
from triage.case.schema import connect, transaction

DEADLINE = 30.0


def fill(case: apsw.Connection, pages: int) -> None:
    for number in range(pages):
        with transaction(case):
            case.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"k{number}", "x" * 3_000))


def until(condition: object) -> None:
    end = time.monotonic() + DEADLINE
    pause = threading.Event()
    while not condition():  # type: ignore[operator] # a callable
        assert time.monotonic() < end
        pause.wait(0.01)


def test_what_is_committed_comes_into_the_case_without_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "c.triage"
    case = connect(str(path))
    case.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    size = path.stat().st_size
    with Checkpoints(case, str(path), enough=20):
        fill(case, 50)
        until(lambda: path.stat().st_size > size + 60_000)
    assert case.execute("SELECT count(*) FROM meta WHERE key GLOB 'k*'").fetchone() == (50,)
    case.close()


@pytest.mark.skipif(os.name != "posix", reason="Windows can not remove an open file")
def test_where_nobody_else_can_the_writer_makes_room(tmp_path: Path) -> None:
    path = tmp_path / "c.triage"
    case = connect(str(path))
    with Checkpoints(case, str(tmp_path / "absent.triage"), enough=20, most=40):
        fill(case, 400)
        log = Path(f"{path}-wal").stat().st_size
    assert log < 100 * 4_200  # it is begun anew again and again
    case.close()

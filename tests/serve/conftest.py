"""A case, and `triage serve` on it as a process of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.conftest import DETECTIONS, ROOT
from tests.ui.helpers import hunt_into


@pytest.fixture(scope="session")
def sample_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples as a case, made once."""
    path = tmp_path_factory.mktemp("case") / "samples.triage"
    hunt_into(path, [str(ROOT / "samples" / "logs")], [ROOT / one for one in DETECTIONS])
    return path


@pytest.fixture
def case(sample_case: Path, tmp_path: Path) -> Path:
    """A case of the test's own."""
    return Path(shutil.copy(sample_case, tmp_path / "own.triage"))


@asynccontextmanager
async def serving(folder: Path, *words: str | Path) -> AsyncIterator[tuple[Process, str]]:
    """`triage serve` with these words, its settings, state and temporary files in ``folder``; and
    its link."""
    (folder / "tmp").mkdir(exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "triage", "serve", *map(str, words)),
        stdout=PIPE,
        env={
            **os.environ,
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_STATE_HOME": str(folder / "state"),
            "TMPDIR": str(folder / "tmp"),
        },
    )
    try:
        assert process.stdout is not None
        yield process, (await process.stdout.readline()).decode().strip()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()

"""What an engine is given: its files, and the clock on the wall."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Config:
    """What an engine works with."""

    rules: tuple[Path, ...]  # files and folders
    exceptions: Path  # folder of lists
    cache: Path | None = None  # the user's cache folder; None: nothing is kept


def wall_clock() -> int:
    """Nanoseconds since 1970."""
    return time.time_ns()

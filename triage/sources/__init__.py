"""Sources: what a file is, its records, their ECS, and following files while they are written."""

from __future__ import annotations

from triage.sources.block import (
    BLOCK_BYTES,
    MAX_RECORD_BYTES,
    Block,
    Position,
    RecordError,
)
from triage.sources.detect import UNDERSTOOD, Detected, Refused, detect
from triage.sources.follow import Follower, SourceState
from triage.sources.formats import FORMATS, decode
from triage.sources.reread import read_range

__all__ = [
    "BLOCK_BYTES",
    "FORMATS",
    "MAX_RECORD_BYTES",
    "UNDERSTOOD",
    "Block",
    "Detected",
    "Follower",
    "Position",
    "RecordError",
    "Refused",
    "SourceState",
    "decode",
    "detect",
    "read_range",
]

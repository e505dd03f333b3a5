"""What is wrong with an engine that runs, in the words of the status line."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from triage.case.model import EngineState
from triage.times import SECOND
from triage.ui.format import about, plural, size

_BEHIND = 1_000_000  # bytes not read, and for so long, before it is worth a word
_BEHIND_FOR = 10 * SECOND
DISK_FULL, _DISK_NEARLY_FULL = 20_000_000, 200_000_000  # bytes free


def troubles(
    engine: EngineState, states: Mapping[str, int], behind_since: int, free: int | None, now: int
) -> tuple[str, ...]:
    """What is wrong, the worst first; () where nothing is.

    ``states``: how many logs are in each; ``behind_since``: since when (ns) a log has had bytes
    that are not read, 0 for none; ``free``: bytes on the case's disk, None where unknown.
    """
    found: list[str] = []
    if free is not None and free < DISK_FULL:
        found.append("case disk full")
    if engine.message and engine.message not in found:
        found.append(engine.message)
    late = now - behind_since if behind_since else 0
    if engine.state == "live" and engine.lag_bytes >= _BEHIND and late >= _BEHIND_FOR:
        found.append(f"behind {size(engine.lag_bytes)}, {about(late / SECOND)}")
    if states.get("unreadable"):
        found.append(f"{plural(states['unreadable'], 'log')} unreadable")
    if states.get("refused"):
        found.append(f"{plural(states['refused'], 'log')} refused")
    if engine.evicted:
        found.append(f"{plural(engine.evicted, 'open event')} given up")
    if engine.polling:
        found.append("polling")
    if free is not None and DISK_FULL <= free < _DISK_NEARLY_FULL:
        found.append(f"case disk nearly full: {size(free)} left")
    return tuple(found)


def free_bytes(case: str) -> int | None:
    """The room on the disk of a case; None where the system does not tell."""
    try:
        return shutil.disk_usage(os.path.dirname(os.path.abspath(case))).free
    except OSError:
        return None


def engine_reason(reason: str) -> str:
    """Why an engine ended, in few words where they are known."""
    return "case disk full" if "disk is full" in reason or "No space left" in reason else reason

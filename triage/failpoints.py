"""Fail points: places at which a test makes a real process die, as if somebody had killed it.

``TRIAGE_FAIL_AT=before_commit:3`` ends the process the third time it comes to that point: nothing
is flushed, no handler runs. The points: ``after_read`` (a block is read, nothing done with it),
``before_commit`` (all of it is written, not committed), ``after_commit`` (nothing told yet),
``mid_rotate`` (a rotation is noticed, the rest of the old file not read).
"""

from __future__ import annotations

import os

_POINT, _, _times = os.environ.get("TRIAGE_FAIL_AT", "").partition(":")
_left = int(_times) if _times.isdigit() else 1
DIED = 86  # the exit code


def fail_point(name: str) -> None:
    """Die here, where this is the point that was asked for and it has come round so often."""
    global _left
    if name != _POINT:
        return
    _left -= 1
    if _left <= 0:
        os._exit(DIED)

"""Patience: what the case can not take now is kept and tried again; nothing is read meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from triage.case.faults import CaseUnavailableError

T = TypeVar("T")
_FIRST, _LONGEST = 0.2, 2.0  # seconds between two tries


class StoppedError(Exception):
    """The engine was asked to stop while it waited; what it could not write it will find again."""


class Patience:
    """Tries again until the case takes what is written, or ``stop`` is set.

    ``tell`` is given what is wrong, in words, when that changes; "" once all is well again.
    """

    def __init__(self, stop: threading.Event, tell: Callable[[str], None]) -> None:
        self._stop = stop
        self._tell = tell
        self._told = ""

    def __call__(self, write: Callable[[], T]) -> T:
        """What ``write`` returns; raises StoppedError, and whatever waiting does not help."""
        pause = _FIRST
        while True:
            try:
                done = write()
            except CaseUnavailableError as error:
                self._say(error.words)
                if self._stop.wait(pause):
                    raise StoppedError from error
                pause = min(2 * pause, _LONGEST)
            else:
                self._say("")
                return done

    def _say(self, words: str) -> None:
        if words != self._told:
            self._told = words
            self._tell(words)


def at_once(write: Callable[[], T]) -> T:
    """No patience: what can not be written is an error."""
    return write()

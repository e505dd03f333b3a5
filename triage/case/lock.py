"""One engine a case: a lock that is gone with its holder, however that one dies.

The lock's file says who holds it, and what is wrong where the case itself can not be told: it has
its full size from the begin, so that it can be written while the disk is full.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType

from triage.errors import TriageError

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


_BYTES = 512  # of the lock's file: the process id in its first line, words in its second


class CaseHeldError(TriageError):
    """Another engine works on the case; ``pid`` is its process id, 0 where it is not known."""

    def __init__(self, path: str, pid: int) -> None:
        super().__init__(
            f"another triage (process {pid}) already follows logs into {path}; open a console on it"
            " with the same command, or choose another case with --case"
        )
        self.pid = pid


class EngineLock:
    """The right to write what logs say into the case at ``path``; raises CaseHeldError."""

    def __init__(self, path: str) -> None:
        # Not the case file itself: closing a second handle on it would drop SQLite's own locks.
        self._file = os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(self._file)
        except OSError:
            said = os.read(self._file, _BYTES).partition(b"\n")[0].strip()
            os.close(self._file)
            raise CaseHeldError(path, int(said) if said.isdigit() else 0) from None
        self.say("")

    def say(self, words: str) -> None:
        """Tell what is wrong, for :func:`said`; "" where nothing is."""
        told = f"{os.getpid()}\n{words}".encode("utf-8", "backslashreplace")[: _BYTES - 1]
        try:
            os.pwrite(self._file, told.ljust(_BYTES - 1) + b"\n", 0)
        except OSError:
            return  # the lock itself holds

    def __enter__(self) -> EngineLock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)


def holder(path: str) -> int | None:
    """The process id of the engine that follows into the case at ``path`` (0 where it is not
    known), None where none does."""
    try:
        with EngineLock(path):
            return None
    except CaseHeldError as error:
        return error.pid


def said(path: str) -> str:
    """What the engine that follows into the case at ``path`` says is wrong, where it could not say
    so in the case; "" where nothing is, or none follows."""
    try:
        with open(f"{path}-lock", "rb") as file:
            told = file.read(_BYTES)
    except OSError:
        return ""
    return told.partition(b"\n")[2].decode("utf-8", "replace").strip()

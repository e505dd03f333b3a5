"""One engine a case: a lock that is gone with its holder, however that one dies."""

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
            said = os.read(self._file, 32).strip()
            os.close(self._file)
            raise CaseHeldError(path, int(said) if said.isdigit() else 0) from None
        os.ftruncate(self._file, 0)
        os.write(self._file, str(os.getpid()).encode())

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

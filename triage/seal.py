"""The seal: a process that is sealed changes no file and starts no program, whatever runs in it.

It stands below every room, so that a new one can not forget it: Python asks the seal before it
opens a file for writing, renames or removes one or starts a process, and a case is opened by SQLite
for reading only. It keeps our own code from writing where somebody was let in to look. It is no
cage for code of others: there is none in here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from errno import EROFS
from typing import Any

WORDS = "this console may only read"
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
# The audit events of what changes files, with how many of their first values name one.
_CHANGES = {
    "os.chflags": 1, "os.chmod": 1, "os.chown": 1, "os.link": 2, "os.mkdir": 1, "os.remove": 1,
    "os.rename": 2, "os.rmdir": 1, "os.setxattr": 1, "os.removexattr": 1, "os.symlink": 2,
    "os.truncate": 1, "os.utime": 1,
}  # fmt: skip
_STARTS = frozenset(
    ("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.system")
)
_sealed = False


class SealedError(PermissionError):
    """A sealed process was about to change something."""

    def __init__(self) -> None:
        super().__init__(EROFS, WORDS)


def sealed() -> bool:
    """Whether this process is sealed."""
    return _sealed


def seal(scratch: str, programs: Sequence[Sequence[str]] = ()) -> None:
    """Seal this process for good; from now on what would change something raises SealedError.

    ``scratch`` is the folder in which it may write all the same, for what it unpacks; ``programs``
    are the commands it may start.
    """
    global _sealed
    if _sealed:
        return
    _sealed = True
    sys.dont_write_bytecode = True
    sys.addaudithook(_hook(os.path.realpath(scratch), [list(one) for one in programs]))


def _hook(scratch: str, programs: list[list[str]]) -> Callable[[str, tuple[Any, ...]], None]:
    below = os.path.join(scratch, "")

    def free(path: object) -> bool:
        """An open file, the null device, or something in the scratch folder."""
        if isinstance(path, int):
            return True
        name = os.path.realpath(os.fsdecode(path))  # type: ignore[arg-type] # what os took for one
        return name == os.devnull or name.startswith(below)

    def asked(event: str, values: tuple[Any, ...]) -> None:
        if event == "open":
            if values[2] & _WRITES and not free(values[0]):
                raise SealedError
        elif event in _CHANGES:
            if not all(map(free, values[: _CHANGES[event]])):
                raise SealedError
        elif event == "subprocess.Popen":
            if list(values[1]) not in programs:
                raise SealedError
        elif event in _STARTS:
            raise SealedError

    return asked

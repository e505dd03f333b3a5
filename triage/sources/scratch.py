"""A private folder for unpacked logs: gone with its process, or cleaned away by the next one.

A process that is killed cleans up nothing. So the folder is locked as long as its process lives,
and whoever comes next removes those that nobody holds.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import weakref
from pathlib import Path

if sys.platform == "win32":

    def _held(folder: str) -> int | None:
        return -1

else:
    import fcntl

    def _held(folder: str) -> int | None:
        """The folder, open and locked; None where another process has it. Raises OSError."""
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return None
        return fd


_PREFIX = "triage-unpacked-"


class Scratch:
    """Files of one process in a folder that only its owner can read; made with the first."""

    def __init__(self) -> None:
        self._folder = ""
        self._count = 0
        self._swept = False

    def file(self) -> str:
        """A name for another file. Raises OSError."""
        if not self._folder:
            self._folder = self._make()
        self._count += 1
        return os.path.join(self._folder, str(self._count))

    def free(self) -> int:
        """Bytes that can still be written."""
        return shutil.disk_usage(self._folder or tempfile.gettempdir()).free

    def sweep(self) -> None:
        """Remove what killed processes of ours have left; only the first call looks."""
        if self._swept or sys.platform == "win32":
            return
        self._swept = True
        with contextlib.suppress(OSError):
            for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
                if str(folder) != self._folder and folder.lstat().st_uid == os.getuid():
                    _remove(str(folder))

    def _make(self) -> str:
        while True:
            folder = tempfile.mkdtemp(prefix=_PREFIX)
            with contextlib.suppress(FileNotFoundError):
                held = _held(folder)
                # Another process may have swept it before it was locked.
                if held is not None and os.path.isdir(folder):
                    weakref.finalize(self, _let_go, folder, held)
                    return folder


def _let_go(folder: str, held: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if held >= 0:
        os.close(held)


def _remove(folder: str) -> None:
    """Remove a folder of ours that no process holds; anything else is left alone."""
    with contextlib.suppress(OSError):
        fd = _held(folder)
        if fd is None:
            return
        try:
            names = os.listdir(fd)
            if all(name.isdigit() for name in names):
                for name in names:
                    os.unlink(name, dir_fd=fd)
                os.rmdir(folder)
        finally:
            os.close(fd)

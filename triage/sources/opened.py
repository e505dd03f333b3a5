"""Opened: the files that are held open while they are followed, no more than so many at once."""

from __future__ import annotations

import os
import stat
from collections import OrderedDict

from triage.sources.generation import Generation, Key

MAX_OPEN = 256  # files held open at once


class OpenFiles:
    """Open files by device and inode; the one used longest ago makes room for another."""

    def __init__(self) -> None:
        self._open: OrderedDict[Key, tuple[int, Generation]] = OrderedDict()

    def fd(self, generation: Generation) -> int | None:
        """The open file of a generation; None where its path leads elsewhere by now.

        Raises OSError where it can not be opened.
        """
        key = generation.key
        held = self.held(generation)
        if held is not None:
            self._open[key] = held, generation
            self._open.move_to_end(key)
            return held
        try:
            path = generation.file or generation.path
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        status = os.fstat(fd)
        moved = not generation.file and (status.st_dev, status.st_ino) != key
        if moved or not stat.S_ISREG(status.st_mode):
            os.close(fd)
            return None
        while len(self._open) >= MAX_OPEN:
            _, (other, idle) = self._open.popitem(last=False)
            idle.suspend()
            os.close(other)
        self._open[key] = fd, generation
        return fd

    def held(self, generation: Generation) -> int | None:
        """The file of a generation if it is open; None where it is not."""
        held = self._open.get(generation.key)
        return held[0] if held else None

    def close(self, generation: Generation) -> None:
        """Let go of the file of a generation."""
        generation.suspend()
        held = self._open.pop(generation.key, None)
        if held is not None:
            os.close(held[0])

    def close_all(self) -> None:
        """Let go of all files."""
        for fd, generation in self._open.values():
            generation.suspend()
            os.close(fd)
        self._open.clear()

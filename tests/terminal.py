"""A command in a pseudo-terminal: what it writes there, and keys pressed in it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self


class Terminal:
    """Runs a command in a terminal of its own; ``output`` is every byte it has written there."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        size: tuple[int, int] = (120, 36),
        env: Mapping[str, str] | None = None,
    ) -> None:
        """``size``: columns and rows."""
        self.output = bytearray()
        self.size = size
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            # Before it starts: until the program listens, a change of size would go unnoticed.
            fcntl.ioctl(0, termios.TIOCSWINSZ, _window(*size))
            os.execvpe(command[0], list(command), {**os.environ, **(env or {})})  # noqa: S606 - the test's own command

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            os.kill(self.pid, signal.SIGTERM)
            self.read(1.0)
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)
        os.close(self._fd)

    def resize(self, columns: int, rows: int) -> None:
        """Change the terminal's size, as a window manager does."""
        self.size = columns, rows
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, _window(columns, rows))

    def press(self, keys: str) -> None:
        """Type keys."""
        os.write(self._fd, keys.encode())

    def quiet(self, seconds: float) -> None:
        """Read until nothing has come for so long."""
        while select.select([self._fd], [], [], seconds)[0] and self.read(0):
            pass

    def read(self, seconds: float) -> bool:
        """Take in what comes next within ``seconds``; False where the command is gone."""
        if not select.select([self._fd], [], [], seconds)[0]:
            return True
        try:
            got = os.read(self._fd, 1 << 16)
        except OSError:
            return False  # Linux says so when the child is gone
        self.output += got
        return bool(got)

    def until(self, wanted: str, seconds: float = 30.0, start: int = 0) -> int:
        """Read until ``wanted`` appears behind byte ``start``; the place where it ends.

        Fails after ``seconds``, which only a hang reaches.
        """
        mark = wanted.encode()
        end = time.monotonic() + seconds
        while (at := self.output.find(mark, start)) < 0:
            assert time.monotonic() < end, f"{wanted!r} never appeared: …{self.output[-2000:]!r}"
            if not self.read(0.2):
                raise AssertionError(f"the command ended: …{self.output[-2000:]!r}")
        return at + len(mark)


def _window(columns: int, rows: int) -> bytes:
    return struct.pack("HHHH", rows, columns, 0, 0)

"""The real console on a real pseudo-terminal: keys go in, and every byte that comes out is kept."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import ROOT
from tests.ui.helpers import DEADLINE, NOW

_QUIET = 0.15  # seconds without a byte after which a screen is taken to be painted
_PATIENCE = 2.0  # seconds before all is painted again
_CONSOLE = f"""
import sys
from pathlib import Path
from triage.ui import run_console
case, exceptions, *themes = sys.argv[1:]
run_console(case, roots=[case], exceptions=Path(exceptions), themes=[Path(one) for one in themes],
            engine=None, who="jdoe", clock=lambda: {NOW})
"""
# ECMA-48: control sequences, operating system commands, other strings, and two-byte escapes.
SEQUENCE = re.compile(
    r"\x1b\[(?P<csi>[0-?]*[ -/]*[@-~])"
    r"|\x1b\](?P<osc>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    r"|\x1b(?P<string>[PX^_])(?P<body>[^\x1b]*)\x1b\\"
    r"|\x1b(?P<short>[ -/]*[0-~])"
)


def kind(match: re.Match[str]) -> str:
    """What a sequence does, without its figures: "CSI m", "CSI ?25 h", "OSC 52"."""
    if match["csi"] is not None:
        body, final = match["csi"][:-1], match["csi"][-1]
        # Modes are told apart by number; colours and places are not.
        return f"CSI {body if final in 'hl' else body[:1] if body[:1] in '<=>?' else ''} {final}"
    if match["osc"] is not None:
        return f"OSC {match['osc'].partition(';')[0]}"
    return f"ESC {match['string'] or match['short']}"


class Terminal:
    """A child process on a pseudo-terminal of its own."""

    def __init__(
        self, arguments: Sequence[str | Path], environment: dict[str, str], columns: int, rows: int
    ) -> None:
        self.output = b""
        self.sent = ""  # the last keys
        self._read = 0  # what was already looked at
        pid, self._master = pty.fork()
        if pid == 0:  # the child: becomes the console
            # Before it starts: until the program listens, a change of size would go unnoticed.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.chdir(ROOT)
            command = [sys.executable, "-c", _CONSOLE, *map(str, arguments)]
            os.execve(sys.executable, command, {**os.environ, **environment})  # noqa: S606 - ourselves
        self._pid = pid
        self._size = columns, rows

    def resize(self, columns: int, rows: int) -> None:
        """Change the terminal's size, as a window manager does."""
        self._size = columns, rows
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)

    def send(self, text: str) -> None:
        """Press keys, once what the last ones brought about is painted to its end."""
        while select.select([self._master], [], [], _QUIET)[0] and self._more(0):
            pass
        self.sent = text
        self._read = len(self.output)
        os.write(self._master, text.encode())

    def wait(self, text: str) -> None:
        """Read until ``text`` was painted since the last key; fail after the deadline.

        Only what changes is painted, and a slow machine may have painted it with what came before
        the key: after a while the terminal changes its size, and all is painted again.
        """
        end = time.monotonic() + DEADLINE
        nudge = time.monotonic() + _PATIENCE
        while text not in plain(self.output[self._read :]):
            left = end - time.monotonic()
            shown = plain(self.output[self._read :])[-3000:]
            assert left > 0, f"{text!r} was never painted after {self.sent!r}, but:\n{shown}"
            if time.monotonic() > nudge:
                nudge = time.monotonic() + _PATIENCE
                columns, rows = self._size
                self.resize(columns, rows - 1)
                self.resize(columns, rows)
            if not self._more(min(left, _PATIENCE)):
                raise AssertionError(f"the console ended before {text!r}: {shown}")

    def end(self) -> int:
        """Read to the end; the exit code."""
        while self._more(DEADLINE):
            pass
        _, status = os.waitpid(self._pid, 0)
        os.close(self._master)
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        """Make an end where a test fails half way."""
        os.kill(self._pid, signal.SIGKILL)

    def _more(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return True
        try:
            chunk = os.read(self._master, 65536)
        except OSError:
            return False  # Linux says so when the child is gone
        self.output += chunk
        return bool(chunk)


def plain(output: bytes) -> str:
    """What was painted, without the sequences."""
    return SEQUENCE.sub("", output.decode("utf-8", "replace"))

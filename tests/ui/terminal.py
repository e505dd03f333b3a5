"""The real console on a real pseudo-terminal: keys go in, and every byte that comes out is kept."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.terminal import Terminal
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


class ConsoleTerminal(Terminal):
    """The console on a pseudo-terminal, walked through key by key."""

    def __init__(
        self, arguments: Sequence[str | Path], environment: dict[str, str], columns: int, rows: int
    ) -> None:
        command = [sys.executable, "-c", _CONSOLE, *map(str, arguments)]
        super().__init__(command, size=(columns, rows), env=environment)
        self.sent = ""  # the last keys
        self._seen = 0  # what was already looked at

    def send(self, text: str) -> None:
        """Press keys, once what the last ones brought about is painted to its end."""
        self.quiet(_QUIET)
        self.sent = text
        self._seen = len(self.output)
        self.press(text)

    def wait(self, text: str) -> None:
        """Read until ``text`` was painted since the last key; fail after the deadline.

        Only what changes is painted, and a slow machine may have painted it with what came before
        the key: after a while the terminal changes its size, and all is painted again.
        """
        end = time.monotonic() + DEADLINE
        nudge = time.monotonic() + _PATIENCE
        while text not in plain(self.output[self._seen :]):
            left = end - time.monotonic()
            shown = plain(self.output[self._seen :])[-3000:]
            assert left > 0, f"{text!r} was never painted after {self.sent!r}, but:\n{shown}"
            if time.monotonic() > nudge:
                nudge = time.monotonic() + _PATIENCE
                columns, rows = self.size
                self.resize(columns, rows - 1)
                self.resize(columns, rows)
            if not self.read(min(left, _PATIENCE)):
                raise AssertionError(f"the console ended before {text!r}: {shown}")

    def end(self) -> int:
        """Read to the end; the exit code."""
        while self.read(DEADLINE):
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self._fd)
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        """Make an end where a test fails half way."""
        os.kill(self.pid, signal.SIGKILL)


def plain(output: bytes | bytearray) -> str:
    """What was painted, without the sequences."""
    return SEQUENCE.sub("", output.decode("utf-8", "replace"))

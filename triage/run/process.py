"""The engine as a process of its own, as the console starts it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from triage.case.lock import holder

_ATTACHED = ("--headless", "--attached")


class EngineProcess:
    """The engine as a process of its own, started and restarted by the console."""

    def __init__(self, case: str, arguments: Sequence[str], log: Path) -> None:
        """``arguments``: those of ``triage watch`` without ``--case`` and ``--headless``; ``log``:
        where what the engine prints goes."""
        self._case = case
        self._arguments = ["--case", case, *arguments]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def exit_reason(self) -> str:
        """Why it stopped: the last line it printed, "" while it runs."""
        if self._process is None or self._process.poll() is None:
            return ""
        try:
            lines = self._log.read_text("utf-8", "replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else f"exit code {self._process.returncode}"

    def start(self) -> None:
        """Start it; to be called before the console takes the terminal."""
        self._log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._log.open("ab") as log:  # another console may write there too
            self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                [sys.executable, "-m", "triage", "watch", *_ATTACHED, *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,  # Ctrl+C in the console is the console's
            )

    def alive(self) -> bool:
        """Whether an engine follows into the case: this one, or that of another console."""
        if self._process is not None and self._process.poll() is None:
            return True
        return holder(self._case) is not None

    def restart(self) -> None:
        """Stop it where it still runs, and start it again."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Ask it to stop, wait for its last commit; after ten seconds, kill it."""
        if self._process is None:
            return
        if self._process.stdin:
            self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

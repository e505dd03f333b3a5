"""A recorded day of logs written once more, line by line, as if it happened now."""

from __future__ import annotations

import heapq
import json
import threading
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from triage import times

_LONGEST_GAP = 60 * times.SECOND  # of what happened; longer silence is not waited for


class Replay:
    """Writes the lines of some NDJSON logs into files of the same names in another folder."""

    def __init__(self, logs: Iterable[Path], into: Path, seconds: float) -> None:
        """``seconds``: how long the whole takes. Raises OSError where a log can not be read."""
        self._lines = list(heapq.merge(*map(_timed, sorted(logs)), key=lambda line: line[0]))
        self._into = into
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, name="replay", daemon=True)
        for name in sorted({name for _, name, _ in self._lines}):
            (into / name).touch(mode=0o600)

    def start(self) -> None:
        """Begin to write, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Write no more."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _write(self) -> None:
        for wait, name, line in self._paced():
            if self._stop.wait(wait):
                return
            with (self._into / name).open("ab") as log:
                log.write(line)

    def _paced(self) -> Iterator[tuple[float, str, bytes]]:
        """Seconds to wait before each line, its log, and the line."""
        gaps = [
            min(then - now, _LONGEST_GAP) for (now, _, _), (then, _, _) in pairwise(self._lines)
        ]
        whole = sum(gaps) or 1
        for gap, (_, name, line) in zip((0, *gaps), self._lines, strict=False):
            yield gap / whole * self._seconds, name, line


def _timed(log: Path) -> list[tuple[int, str, bytes]]:
    """Each line with its log's name and the time it was written: not before the one above it."""
    found: list[tuple[int, str, bytes]] = []
    newest = 0
    for line in log.read_bytes().splitlines(keepends=True):
        newest = max(newest, times.parse(json.loads(line)["@timestamp"]) or 0)
        found.append((newest, log.name, line))
    return found

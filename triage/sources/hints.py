"""The system's change notices: they wake a sleeper early, and nothing depends on them."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

import watchfiles

_SOON = 0.05  # seconds


class Hints:
    """Notices of changes under some roots, gathered by threads that start with the first wait.

    They may be missed, come late, or stop for good (one file name that is not UTF-8 is enough to
    end them): then a wait is a sleep.
    """

    def __init__(self, roots: Sequence[str]) -> None:
        self._folders = [root for root in roots if os.path.isdir(root)]
        files = set(roots) - set(self._folders)
        self._parents = sorted({os.path.dirname(root) for root in files} - set(self._folders))
        self._stop = threading.Event()
        self._news = threading.Event()
        self._lock = threading.Lock()
        self._paths: set[str] = set()
        self._threads: list[threading.Thread] = []

    @property
    def alive(self) -> bool:
        """Whether notices are still to be expected."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def wait(self, timeout_seconds: float) -> bool:
        """Sleep until there is news (True) or for so long (False)."""
        if not self._threads:
            self._start()
        if self._paths:  # news that nobody has taken yet: soon enough
            self._stop.wait(min(timeout_seconds, _SOON))
            return True
        found = self._news.wait(timeout_seconds)
        self._news.clear()
        return found

    def take(self) -> set[str]:
        """The paths that were noticed since they were last taken."""
        with self._lock:
            taken, self._paths = self._paths, set()
        return taken

    def close(self) -> None:
        """Stop the threads; they end by themselves within moments."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=2)

    def _start(self) -> None:
        for folders, recursive in ((self._folders, True), (self._parents, False)):
            if folders:
                thread = threading.Thread(
                    target=self._gather, args=(folders, recursive), name="hints", daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def _gather(self, folders: list[str], recursive: bool) -> None:
        try:
            for changes in watchfiles.watch(
                *folders,
                watch_filter=None,
                debounce=100,
                step=20,
                stop_event=self._stop,
                rust_timeout=500,
                recursive=recursive,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                with self._lock:
                    self._paths.update(path for _, path in changes)
                self._news.set()
        except Exception:  # noqa: BLE001 - a hint that fails, however it does, is no hint
            return

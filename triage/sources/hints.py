"""The system's change notices: they wake a sleeper early, and nothing depends on them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence

from triage.sources.mounts import file_systems, remote

_SOON = 0.05  # seconds
_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds before notices that failed are asked for again


class Hints:
    """Notices of changes under some roots, gathered by threads that start with the first wait.

    They may be missed, come late, or break off (one file name that is not UTF-8 is enough to end
    them): then a wait is a sleep, and they are asked for again, later each time. Roots on a network
    are not asked about, for what other machines write there is not told of.
    """

    def __init__(self, roots: Sequence[str]) -> None:
        types = file_systems()
        self._silent = {root: name for root in roots if (name := remote(root, types))}
        local = [root for root in roots if root not in self._silent]
        self._folders = [root for root in local if os.path.isdir(root)]
        files = set(local) - set(self._folders)
        self._parents = sorted({os.path.dirname(root) for root in files} - set(self._folders))
        self._failed: dict[str, str] = {}  # thread: why it has no notices at present
        self._stop = threading.Event()
        self._news = threading.Event()
        self._lock = threading.Lock()
        self._paths: set[str] = set()
        self._threads: list[threading.Thread] = []

    @property
    def polling(self) -> str:
        """Why changes of some roots are found by looking alone; "" where the system tells."""
        with self._lock:
            reasons = [f"{root} is on {name}" for root, name in self._silent.items()]
            return "; ".join([*reasons, *dict.fromkeys(self._failed.values())])

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
        """Gather notices till the end; where they break off, begin again after a while."""
        name, pause = ", ".join(folders), _PAUSE
        while not self._stop.is_set():
            began = time.monotonic()
            self._listen(name, folders, recursive)
            self._news.set()  # whatever came meanwhile was not noticed: look at once
            if time.monotonic() - began > _LONGEST_PAUSE:
                pause = _PAUSE
            self._stop.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _listen(self, name: str, folders: list[str], recursive: bool) -> None:
        with self._lock:
            self._failed.pop(name, None)
        try:
            import watchfiles  # what reads logs only once has no use for it

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
        except Exception as error:  # noqa: BLE001 - a hint that fails, however it does, is no hint
            with self._lock:
                self._failed[name] = f"no notices of changes in {name}: {error}"

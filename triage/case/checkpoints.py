"""Checkpoints: what was committed is brought from the write-ahead log into the case file beside the
engine's work, since on a busy disk that takes half a second at times."""

from __future__ import annotations

import threading
from typing import Self

import apsw

_ENOUGH = 1_000  # pages in the log that are worth a checkpoint, as SQLite has it
_MOST = 10_000  # pages from which on the writer itself makes room
_TRIES = 4  # a writer may go on while one is made; all is in the case once it did not


class Checkpoints:
    """Makes the checkpoints of a connection in a thread of its own, while it is entered."""

    def __init__(
        self, writer: apsw.Connection, path: str, *, enough: int = _ENOUGH, most: int = _MOST
    ) -> None:
        """``writer``: the connection that commits to the case at ``path``."""
        self._writer = writer
        self._path = path
        self._enough = enough
        self._most = most
        self._due = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)

    def __enter__(self) -> Self:
        self._writer.set_wal_hook(self._committed)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended = True
        self._due.set()
        self._thread.join()
        self._writer.set_wal_hook(None)
        self._writer.wal_autocheckpoint(_ENOUGH)

    def _committed(self, writer: apsw.Connection, name: str, pages: int) -> int:
        """SQLite says after each commit how many pages lie in the log."""
        if pages >= self._most:
            _checkpoint(writer, name)
        elif pages >= self._enough:
            self._due.set()
        return apsw.SQLITE_OK

    def _run(self) -> None:
        try:
            own = apsw.Connection(self._path, flags=apsw.SQLITE_OPEN_READWRITE)
        except apsw.Error:
            return  # the writer makes them, further apart
        while self._due.wait() and not self._ended:
            self._due.clear()
            for _ in range(_TRIES):
                if _knows_log(own) and (_checkpoint(own, "main") or self._ended):
                    break
        own.close(True)


def _knows_log(connection: apsw.Connection) -> bool:
    """That there is a write-ahead log a connection learns when it first reads."""
    try:
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
    except apsw.Error:
        return False
    return True


def _checkpoint(connection: apsw.Connection, name: str) -> bool:
    """True where all that had been committed is in the case now; what fails is tried again."""
    try:
        pages, done = connection.wal_checkpoint(name)
    except apsw.Error:
        return False
    return pages == done

"""What keeps a case from being read or written, told apart by what helps: waiting, or mending."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from triage.errors import TriageError


class CaseUnavailableError(TriageError):
    """The case can not be written now: it is held by somebody, its disk is full or fails.

    Nothing of what was to be written is in it; the same may be tried again. ``words`` say why.
    """

    def __init__(self, words: str, path: str = "") -> None:
        super().__init__(f"{path}: {words}" if path else words)
        self.words = words


class CaseDamagedError(TriageError):
    """What lies in the case file is not what was written to it: it has to be mended."""


_PASSING: tuple[tuple[type[apsw.Error], str], ...] = (
    (apsw.FullError, "case disk full"),
    (apsw.BusyError, "case held by another program"),
    (apsw.LockedError, "case held by another program"),
    (apsw.ReadOnlyError, "case can not be written to"),
    (apsw.IOError, "case disk error"),
    (apsw.NoMemError, "no memory left"),
)


def meaning(error: apsw.Error) -> Exception:
    """The error as one of ours, with what is wrong in few words; itself where it is a mistake in
    the program."""
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        return CaseDamagedError(f"case damaged ({error})")
    for kind, words in _PASSING:
        if isinstance(error, kind):
            return CaseUnavailableError(words)
    return error


@contextmanager
def told() -> Iterator[None]:
    """Raises SQLite's errors as CaseUnavailableError and CaseDamagedError."""
    try:
        yield
    except apsw.Error as error:
        raise meaning(error) from error

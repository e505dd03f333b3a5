"""The errors, problems and rejects every room speaks: what is wrong, where, and what to do."""

from __future__ import annotations

from dataclasses import dataclass


class TriageError(Exception):
    """Something the user can mend; its text says what, where and what to do."""


class EqlError(TriageError):
    """An EQL text that must be rejected.

    ``line`` and ``column`` are 1-based positions in the query; ``snippet`` is the query's line
    with a caret under the offending place (two lines), empty when the place is unknown.
    """

    def __init__(self, line: int, column: int, message: str, snippet: str = "") -> None:
        super().__init__(f"line {line}:{column}: {message}" + (f"\n{snippet}" if snippet else ""))
        self.line = line
        self.column = column
        self.message = message
        self.snippet = snippet


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file a loader read; loaders collect these and never raise them.

    ``line`` and ``column`` are 1-based, 0 where the place is the whole file. ``severity`` is
    "error" (the thing is not used) or "warning" (it is used, but look at it).
    """

    path: str
    line: int
    column: int
    message: str
    severity: str = "error"

    def __str__(self) -> str:
        place = f":{self.line}:{self.column}" if self.line else ""
        return f"{self.path}{place}: {self.severity}: {self.message}"


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that could not be read: counted, kept and shown; it stops nothing."""

    source: str  # path of the log
    position: int  # byte offset of the record; in an EVTX file of its chunk, and how many before
    length: int  # bytes
    reason: str
    excerpt: bytes  # the first bytes of it, as they are

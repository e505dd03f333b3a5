"""An EVTX log as it is followed: which of its records have been read, and which are missing.

It is no stream. Windows fills its last chunk, and when the log is full it overwrites the oldest
one. So it is read again whenever it changes, but for the chunks that are as they were, and a
record is new when its number is: Windows counts the records of a log without end. Numbers that
nobody ever saw are records that were lost.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO

from triage.errors import Reject
from triage.sources import evtx
from triage.sources.block import BLOCK_BYTES, RecordError
from triage.sources.evtx_process import Item

_MOST_SPANS = 1000
_SHOWN = 3  # spans of missing numbers
_ORIGIN = re.compile(rb'"(Channel|Computer)"\s*:\s*"((?:[^"\\]|\\.)*)"')


class Numbers:
    """A set of numbers, as spans of those that follow one another."""

    def __init__(self, spans: Iterable[tuple[int, int]] = ()) -> None:
        self._spans = [(first, last) for first, last in spans]

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._spans, number, key=_first)
        return at > 0 and number <= self._spans[at - 1][1]

    def add(self, number: int) -> None:
        """Put a number in. Beyond a thousand spans the oldest hole is forgotten."""
        spans = self._spans
        at = bisect_right(spans, number, key=_first)
        if at and number <= spans[at - 1][1]:
            return
        first = last = number
        if at < len(spans) and spans[at][0] == number + 1:
            last = spans.pop(at)[1]
        if at and spans[at - 1][1] == number - 1:
            at -= 1
            first = spans.pop(at)[0]
        spans.insert(at, (first, last))
        if len(spans) > _MOST_SPANS:
            spans[:2] = [(spans[0][0], spans[1][1])]

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        return tuple(self._spans)

    @property
    def last(self) -> int:
        """The largest; 0 where there is none."""
        return self._spans[-1][1] if self._spans else 0

    def holes(self) -> list[tuple[int, int]]:
        """The spans of numbers between them."""
        pairs = zip(self._spans, self._spans[1:], strict=False)
        return [(before[1] + 1, after[0] - 1) for before, after in pairs]


def _first(span: tuple[int, int]) -> int:
    return span[0]


@dataclass(slots=True)
class Part:
    """What one turn of reading gave."""

    records: list[bytes] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    gap: str = ""
    more: bool = True


class EvtxLog:
    """The reading of one log, pass after pass."""

    def __init__(self) -> None:
        self.numbers = Numbers()
        self.missing = 0  # numbers told of as missing
        self.origin = ""  # channel and computer of its records
        self.records = 0  # read in all runs
        self._before = Numbers()  # those read in earlier passes
        self._done: dict[int, bytes] = {}  # chunks read to their end, by number: their headers
        self._passed: dict[int, bytes] = {}  # those of this pass; it may break off
        self._damaged: Counter[int] = Counter()  # places without a record in this pass, by chunk
        self._items: Iterator[Item] | None = None
        self._held: Item | None = None  # belongs to the next turn
        self._file: IO[bytes] | None = None
        self._told: set[str] = set()  # reasons handed on: each pass meets them anew
        self._resumed = False  # nothing new was read in this run: damage is that told earlier

    def resume(
        self, spans: Iterable[tuple[int, int]], missing: int, origin: str, records: int
    ) -> None:
        """Go on where an earlier run stopped."""
        self.numbers, self.missing, self.origin = Numbers(spans), missing, origin
        self.records, self._resumed = records, True

    def goes_on(self, file: IO[bytes]) -> bool:
        """Whether a file that begins otherwise than it did is still this log: Windows has begun
        to overwrite it, or it was cleared."""
        first = next((i for i in evtx.read_records(file) if isinstance(i.content, bytes)), None)
        return (
            first is not None
            and first.number > self.numbers.last
            and _origin(first.content) == self.origin != ""
        )

    def suspend(self) -> None:
        """Let go of the file; the pass begins anew with the next turn."""
        self._items = self._held = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def read(self, fd: int, path: str) -> Part:
        """The next records that are new. Raises OSError, and RecordError where the file is no
        EVTX."""
        if self._items is None:
            self._begin(fd)
        part, held = Part(), 0
        while held < BLOCK_BYTES:
            try:
                item = self._next()
            except (OSError, RecordError):
                self.suspend()
                if not part.records:
                    raise
                break  # what was read is handed on; the next turn meets the error again
            if item is None:
                self.suspend()
                self._done |= self._passed
                part.more = False
                part.gap = self._gap(path)
                break
            held += len(item.content)
            if isinstance(item.content, str):
                self._damaged[item.chunk] += 1
                if item.content not in self._told and not self._resumed:
                    place = evtx.place_of(item.chunk) + self._damaged[item.chunk]
                    part.rejects.append(Reject(path, place, 0, item.content, b""))
                self._told.add(item.content)
            elif item.number not in self._before:
                if part.numbers and item.number < part.numbers[-1]:
                    self._held = item  # where the log overwrites itself: places of a block ascend
                    break
                self._take(item.number, item.content, part)
        return part

    def _begin(self, fd: int) -> None:
        self.suspend()
        self._before = Numbers(self.numbers.spans)
        self._passed, self._damaged = {}, Counter()
        self._file = os.fdopen(os.dup(fd), "rb")
        self._items = evtx.read_records(self._file, self._is_new)

    def _is_new(self, chunk: int, header: bytes) -> bool:
        """Whether a chunk may hold what was not read: its header holds a checksum of it all."""
        if self._done.get(chunk) == header:
            return False
        assert self._file is not None  # noqa: S101 - a pass is under way
        whole = os.pread(self._file.fileno(), evtx.CHUNK_BYTES, evtx.place_of(chunk))
        if evtx.is_whole(whole):  # one that is still being copied has its header first
            self._passed[chunk] = header
        return True

    def _next(self) -> Item | None:
        held, self._held = self._held, None
        return held or (next(self._items, None) if self._items is not None else None)

    def _take(self, number: int, data: bytes, part: Part) -> None:
        if not part.numbers:
            self.origin = _origin(data) or self.origin
        part.records.append(data)
        part.numbers.append(number)
        self.numbers.add(number)
        self.records += 1
        self._resumed = False

    def _gap(self, path: str) -> str:
        """What is missing more than was told, at the end of a pass."""
        holes = self.numbers.holes()
        missing = sum(last - first + 1 for first, last in holes)
        told, self.missing = self.missing, missing
        if missing <= told:
            return ""
        shown = ", ".join(
            f"{first:,}" if first == last else f"{first:,} to {last:,}"
            for first, last in holes[-_SHOWN:]
        )
        more = " and others" if len(holes) > _SHOWN else ""
        return f"{path}: {missing - told:,} records are missing: numbers {shown}{more}"


def _origin(data: bytes | str) -> str:
    """Channel and computer of a record, as far as its JSON names them."""
    found = dict(_ORIGIN.findall(data)) if isinstance(data, bytes) else {}
    return b"\n".join(found.get(key, b"") for key in (b"Channel", b"Computer")).decode(
        "utf-8", "replace"
    )

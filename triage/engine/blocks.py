"""Blocks read before: where they lie, their time, and 32 bits of each value that waits in them."""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple
from zlib import crc32

from triage.times import SECOND

_SHORT = 600 * SECOND  # blocks of no longer a time are found by their end
_JOINED_BYTES, _JOINED_TIME = 256 << 10, 60 * SECOND  # of a log, remembered as one block


class BlockPlace(NamedTuple):
    """Where a block lies, to read it again."""

    source: str
    format: str
    first: int  # places of its first and last record, as in Block.positions
    last: int
    generation: str


@dataclass(frozen=True, slots=True)
class KnownBlock:
    """A block read before, as far as waiting records need it."""

    place: BlockPlace
    min_time: int  # ns
    max_time: int
    values: bytes  # sorted 32-bit hashes of the join values that wait in it, in native order


def joins(format: str, first: int, last: int, min_time: int, max_time: int) -> bool:
    """Whether what was read of a log from place ``first`` to ``last`` is remembered as one block.

    Live logs are read a few lines at a time; each such piece by itself would be a hundred a second
    to keep, and a hundred to read again for half a minute of what happened.
    """
    if format == "evtx":
        return False  # its places are no bytes, and it is read whole chunks at a time
    return last - first <= _JOINED_BYTES and max_time - min_time <= _JOINED_TIME


class KnownBlocks:
    """The blocks read before, found by value and time."""

    def __init__(self) -> None:
        self._short: list[KnownBlock] = []  # by their end
        self._long: list[KnownBlock] = []
        self._last: dict[str, KnownBlock] = {}  # by generation

    def add(self, block: KnownBlock) -> None:
        """Remember a block, joined with the one that its log's last records were."""
        generation = block.place.generation
        before = self._last.get(generation)
        if before is not None and before.place.last < block.place.first:
            joined = _joined(before, block)
            if joined is not None:
                at = bisect_left(self._short, before.max_time, key=_end)
                while self._short[at] is not before:
                    at += 1
                del self._short[at]
                block = joined
        self._last[generation] = block
        if block.max_time - block.min_time <= _SHORT:
            insort(self._short, block, key=_end)
        else:
            self._long.append(block)

    def find(self, value: Any, low: int, high: int) -> list[BlockPlace]:
        """Where records may lie that wait with a value, from ``low`` to ``high`` (ns)."""
        start = bisect_left(self._short, low, key=_end)
        stop = bisect_left(self._short, high + _SHORT + 1, lo=start, key=_end)
        if start == stop and not self._long:
            return []
        mark = hash_of(value)
        return [
            one.place
            for some in (self._short[start:stop], self._long)
            for one in some
            if one.max_time >= low and one.min_time <= high and _holds(one.values, mark)
        ]


def _joined(before: KnownBlock, block: KnownBlock) -> KnownBlock | None:
    """Two neighbours as one; None where they stay apart."""
    source, format_, first, _, generation = before.place
    low, high = min(before.min_time, block.min_time), max(before.max_time, block.max_time)
    last = block.place.last
    if not joins(format_, first, last, low, high):
        return None
    place = BlockPlace(source, format_, first, last, generation)
    return KnownBlock(place, low, high, joined_values(before.values, block.values))


def joined_values(some: bytes, others: bytes) -> bytes:
    """``KnownBlock.values`` of two blocks as one."""
    hashes = {*memoryview(some).cast("I"), *memoryview(others).cast("I")}
    return array("I", sorted(hashes)).tobytes()


def _end(block: KnownBlock) -> int:
    return block.max_time


def _holds(values: bytes, mark: int) -> bool:
    hashes = memoryview(values).cast("I")
    at = bisect_left(hashes, mark)
    return at < len(hashes) and hashes[at] == mark


def hashes_of(values: Iterable[Any]) -> set[int]:
    """The 32 bits of each of some join values."""
    try:
        return set(map(crc32, map(str.encode, set(values))))
    except (TypeError, UnicodeEncodeError):  # there are others than plain texts
        return set(map(hash_of, values))


def hash_of(value: Any) -> int:
    """The 32 bits of a join value."""
    # By what they are in JSON, since a join key is compared as that; 1 and True wait for nothing.
    return crc32(
        value.encode("utf-8", "replace") if value.__class__ is str else repr(value).encode()
    )

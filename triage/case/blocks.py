"""The case's index of blocks: where what was read lies, when it happened, and on which hosts."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import apsw
import orjson

from triage.case.schema import stored_path, told_path
from triage.engine.blocks import BlockPlace, KnownBlock, joined_values, joins
from triage.engine.result import BlockResult
from triage.sources import Block, Position

_MOST_ROWS = 1_000  # of logs whose last row is at hand


@dataclass(frozen=True, slots=True)
class BlockRow:
    """What the index of blocks says of records that lie together."""

    first: int
    last: int
    events: int
    min_time: int  # ns; 0 where none of them has a time
    max_time: int
    hosts: tuple[str, ...]  # sorted
    waiting: bytes  # KnownBlock.values

    def joined(self, later: BlockRow, format: str) -> BlockRow | None:
        """With records that follow at once; None where those are a block of their own."""
        low = min(filter(None, (self.min_time, later.min_time)), default=0)
        high = max(self.max_time, later.max_time)
        if later.first <= self.last or not joins(format, self.first, later.last, low, high):
            return None
        hosts = self.hosts
        if hosts != later.hosts:
            hosts = tuple(sorted({*hosts, *later.hosts}))
        waiting = self.waiting
        if later.waiting:
            waiting = joined_values(waiting, later.waiting)
        events = self.events + later.events
        return BlockRow(self.first, later.last, events, low, high, hosts, waiting)


class BlockIndex:
    """The engine's side of the index. A log that is written a few lines at a time gets one row for
    what lies together."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._paths: dict[str, str] = {}  # of each generation, as last written
        # Of the generations written to last, the last row: what follows may join it.
        self._rows: OrderedDict[str, BlockRow] = OrderedDict()

    def known(self) -> list[KnownBlock]:
        """The blocks read so far in which records wait for the first stage of a sequence."""
        rows = self._db.execute(
            "SELECT source, format, first, last, generation, min_time, max_time, waiting"
            " FROM block WHERE waiting <> x''"
        )
        return [
            KnownBlock(BlockPlace(told_path(source), *place), low, high, waiting)
            for source, *place, low, high, waiting in rows
        ]

    def row(self, block: Block, result: BlockResult, known: KnownBlock | None) -> BlockRow | None:
        """The index's row for a block, and for what lies before it where the two join."""
        if not block.positions:
            return None
        fresh = BlockRow(
            block.positions[0],
            block.positions[-1],
            result.events,
            result.min_time,
            result.max_time,
            result.hosts,
            known.values if known else b"",
        )
        before = self._rows.get(block.position.generation)
        return (before and before.joined(fresh, block.format)) or fresh

    def write(self, block: Block, row: BlockRow) -> None:
        """Write the row, inside a transaction."""
        self._db.execute(
            "INSERT OR REPLACE INTO block VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                stored_path(block.source),
                block.format,
                row.first,
                row.last,
                row.events,
                row.min_time,
                row.max_time,
                orjson.dumps(row.hosts).decode(),
                block.position.generation,
                row.waiting,
            ),
        )

    def wrote(self, block: Block, row: BlockRow | None) -> None:
        """The row is in the case: what follows may join it."""
        if row is None:
            return
        self._rows[block.position.generation] = row
        self._rows.move_to_end(block.position.generation)
        if len(self._rows) > _MOST_ROWS:
            self._rows.popitem(last=False)

    def follow_name(self, position: Position) -> None:
        """A log that was renamed is read back under its new name."""
        if self._paths.get(position.generation) == position.path:
            return
        self._paths[position.generation] = position.path
        path = stored_path(position.path)
        self._db.execute(
            "UPDATE block SET source = ? WHERE generation = ? AND source <> ?",
            (path, position.generation, path),
        )

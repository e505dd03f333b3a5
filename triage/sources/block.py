"""What a source hands on: blocks of raw records with their place, and where to go on from."""

from __future__ import annotations

from dataclasses import dataclass, field

BLOCK_BYTES = 1 << 20  # a block holds about this many bytes of records
MAX_RECORD_BYTES = 1 << 20  # a longer record is refused, its place and its first bytes kept
EXCERPT_BYTES = 256


class RecordError(Exception):
    """One record that cannot be read; its text is the reason, in the analyst's words."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that could not be read: counted, kept and shown; it stops nothing."""

    source: str  # path of the log
    position: int  # byte offset of the record, or its number in an EVTX file
    length: int  # bytes
    reason: str
    excerpt: bytes  # its first EXCERPT_BYTES bytes, as they are


@dataclass(frozen=True, slots=True)
class Position:
    """How far one generation of one file has been read: enough to go on after any crash.

    A generation is a file from its creation to its truncation or replacement. It is known by
    device and inode together with two hashes, since inodes are reused at once: of the file's first
    ``head_length`` bytes, and of the ``tail_length`` bytes before ``offset``.
    """

    generation: str  # random name, made when the generation is first seen
    path: str
    device: int
    inode: int
    format: str  # a name from triage.sources.FORMATS
    encoding: str  # "utf-8", "utf-16-le", "utf-16-be"; "" for binary formats
    offset: int  # end of the last complete record handed on (bytes; records for EVTX)
    size: int  # bytes of the file when this position was taken
    head_length: int = 0
    head_hash: str = ""
    tail_length: int = 0
    tail_hash: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Raw records of one source that belong together, in file order.

    ``match`` may decode it in any process: it is plain data. ``position`` is what to commit, in one
    transaction with the block's effects, for the next run to go on behind it.
    """

    source: str  # path of the log as it was given or found
    format: str  # how to decode a record: a name from triage.sources.FORMATS
    records: tuple[bytes, ...]  # each one whole record, without its line end
    positions: tuple[int, ...]  # place of each record in the source, as in Reject.position
    position: Position
    rejects: tuple[Reject, ...] = ()  # places where no record could be cut out
    gaps: tuple[str, ...] = field(default=())  # what was lost, in words ("… was truncated …")
